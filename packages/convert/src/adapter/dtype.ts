import { isPyMap, type PyMap, TARGET_DTYPES, type TargetDtype, torchName } from '@nemotron-convert/core';
import type { SourceTensor } from '../source/tensor.js';

/** As transformers loads a model: a dtype, `auto` for that of the checkpoint, null for its default, which is float32. */
export type LoadDtype = TargetDtype | 'auto' | null;

/** Kept in float32 whatever the model's dtype: in a narrower one tokens go to other experts. */
const KEPT = /\.e_score_correction_bias$/;

const FLOATS = new Set(['BF16', 'F16', 'F32']);

/**
 * What every tensor of the merged model is held and stored in. With `auto` that is config.json's dtype; where the weights
 * are mostly that already, tensors stored in another keep theirs.
 */
export function dtypeRule(
  wanted: LoadDtype,
  config: PyMap,
  tensors: ReadonlyMap<string, SourceTensor>,
): (name: string, source: SourceTensor) => string {
  const dtype = wanted === 'auto' ? autoDtype(config, tensors) : (wanted ?? 'float32');
  const main = mainDtype(tensors);
  return (name, source) => {
    const base = tensors.get(name);
    const own = base === undefined ? (main ?? torchName(source.dtype)) : torchName(base.dtype);
    if (dtype === null || !FLOATS.has(source.dtype)) return own;
    return KEPT.test(name) && own === 'float32' ? own : dtype;
  };
}

/** Null where every tensor keeps its own. */
function autoDtype(config: PyMap, tensors: ReadonlyMap<string, SourceTensor>): TargetDtype | null {
  const text = isPyMap(config['text_config'] ?? null) ? (config['text_config'] as PyMap) : {};
  const named = [config, text].flatMap((map) => [map['dtype'], map['torch_dtype']]);
  const given = named.map((value) =>
    TARGET_DTYPES.find((dtype) => value === dtype || value === `torch.${dtype}`),
  );
  const dtype = given.find((value) => value !== undefined) ?? null;
  return dtype === mainDtype(tensors) ? null : dtype;
}

/** The dtype that most bytes have. */
function mainDtype(tensors: ReadonlyMap<string, SourceTensor>): string | null {
  const bytes = new Map<string, number>();
  for (const { dtype, begin, end } of tensors.values())
    bytes.set(dtype, (bytes.get(dtype) ?? 0) + end - begin);
  const [main] = [...bytes].sort((a, b) => b[1] - a[1]);
  return main === undefined ? null : torchName(main[0]);
}
