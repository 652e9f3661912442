import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { NemotronError } from '@nemotron-convert/core';
import { inspectSafetensors } from '@nemotron-convert/native';
import { type SourceFile, stamped } from '../source/open.js';
import type { SourceTensor } from '../source/tensor.js';

const WEIGHTS = 'adapter_model.safetensors';
const PICKLED = 'adapter_model.bin';

/** The parts of a wrapped module, by what PEFT calls them. */
const PARTS = {
  lora_A: 'down',
  lora_B: 'up',
  lora_embedding_A: 'down',
  lora_embedding_B: 'up',
  lora_magnitude_vector: 'magnitude',
} as const;

/** `base_model.model.`, the module, one `base_layer` for each wrapper around it, a part, perhaps the adapter's name. */
const PART_NAME = new RegExp(
  `^(?<module>.+?)(?<wrappers>(?:\\.base_layer)*)\\.(?<part>${Object.keys(PARTS).join('|')})(?:\\.(?!weight$|bias$)[^.]+)?(?:\\.(?<kind>weight|bias))?$`,
);

/** The low-rank factors of one module: its change is up · down. */
export interface LoraModule {
  /** The module's name in the model. */
  readonly module: string;
  /** How many wrappers of the same module are around this one's parameter. */
  readonly depth: number;
  readonly embedding: boolean;
  readonly down?: SourceTensor;
  readonly up?: SourceTensor;
  readonly bias?: SourceTensor;
  readonly magnitude?: SourceTensor;
}

export interface AdapterWeights {
  readonly file: SourceFile;
  readonly modules: readonly LoraModule[];
  /** Tensors that take the place of the model's, by the model's name for them. */
  readonly saved: ReadonlyMap<string, SourceTensor>;
}

/**
 * The weights of an adapter's directory; their tensors have file number `file`. Throws ADAPTER_TENSOR_MISSING,
 * SOURCE_TRUNCATED, SOURCE_HEADER_INVALID.
 */
export async function readAdapterWeights(dir: string, file: number): Promise<AdapterWeights> {
  const path = join(dir, WEIGHTS);
  if (!existsSync(path)) {
    const pickled = existsSync(join(dir, PICKLED));
    throw new NemotronError('ADAPTER_TENSOR_MISSING', `${dir} has no ${WEIGHTS}`, {
      facts: { path: dir },
      ...(pickled
        ? {
            hint: `${PICKLED} is a pickle, which is not read: save the adapter again with safe_serialization=True`,
          }
        : {}),
    });
  }
  const [header] = await inspectSafetensors([path]);
  if (header === undefined) throw new TypeError('one path gives one header');
  const modules = new Map<string, Record<string, unknown>>();
  const saved = new Map<string, SourceTensor>();
  for (const info of header.tensors) {
    const tensor = { ...info, file };
    const name = info.name.replace(/^base_model\.model\./, '');
    const { module, wrappers = '', part, kind } = PART_NAME.exec(name)?.groups ?? {};
    if (module === undefined || part === undefined) {
      saved.set(name.replace(/\.(modules_to_save(\.[^.]+)?|base_layer)(?=\.[^.]+$)/, ''), tensor);
      continue;
    }
    const key = module + wrappers;
    const known = modules.get(key) ?? {
      module,
      depth: wrappers.split('.base_layer').length - 1,
      embedding: part.includes('embedding'),
    };
    const field = kind === 'bias' ? 'bias' : PARTS[part as keyof typeof PARTS];
    modules.set(key, { ...known, [field]: tensor });
  }
  return { file: await stamped(header), modules: [...modules.values()] as unknown as LoraModule[], saved };
}
