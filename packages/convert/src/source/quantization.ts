import { basename, sep } from 'node:path';
import { isPyMap, NemotronError, type PyMap, type PyValue } from '@nemotron-convert/core';
import { show } from '../models/hf-config.js';
import type { SourceTensor } from './tensor.js';

/** Rows and columns that share a scale where config.json does not say. */
const DEFAULT_BLOCK = [128, 128] as const;

/**
 * Quantisation methods whose tensors are read, by what their configuration says: float8 with scales of one number, of one
 * a row or of one a block, MXFP4, and symmetric four-bit integers. The rest is refused by name.
 */
const READABLE: Readonly<Record<string, (given: PyMap) => boolean>> = {
  fp8: () => true,
  mxfp4: () => true,
  fbgemm_fp8: () => true,
  modelopt: ({ quant_algo: algorithm }) => MODELOPT.has(algorithm as string),
  'compressed-tensors': (given) =>
    given['format'] === 'mxfp4-pack-quantized' ||
    // Words may hold integers of any width, which only the groups tell.
    (given['format'] === 'pack-quantized' && groups(given).length > 0 && groups(given).every(isInt4)) ||
    (FLOATS.has(given['format'] as string) && groups(given).every(isFloat8)),
};
const MODELOPT = new Set(['FP8', 'FP8_PER_CHANNEL_PER_TOKEN', 'FP8_PB_WO']);
const FLOATS = new Set(['float-quantized', 'naive-quantized']);

/** The weights' settings of every group of compressed-tensors. */
function groups(given: PyMap): PyMap[] {
  const all = given['config_groups'] ?? null;
  if (!isPyMap(all)) return [];
  return Object.values(all)
    .map((group) => (isPyMap(group) ? (group['weights'] ?? null) : null))
    .filter(isPyMap);
}

function isFloat8(weights: PyMap): boolean {
  return weights['num_bits'] === 8n && weights['type'] === 'float' && weights['strategy'] !== 'group';
}

function isInt4(weights: PyMap): boolean {
  return weights['num_bits'] === 4n && weights['type'] === 'int' && weights['symmetric'] !== false;
}

/** The extents of a block, as either kind of configuration spells them. Throws SOURCE_CONFIG_INVALID for others. */
function blockOf(given: PyMap, dir: string): readonly [number, number] {
  const block: PyValue = given['weight_block_size'] ?? groups(given)[0]?.['block_structure'] ?? null;
  if (block === null) return DEFAULT_BLOCK;
  const sizes = typeof block === 'string' ? block.split('x') : Array.isArray(block) ? block.map(show) : [];
  const [rows = 0, columns = 0] = sizes.map(Number);
  if (
    sizes.length === 2 &&
    Number.isSafeInteger(rows) &&
    Number.isSafeInteger(columns) &&
    rows > 0 &&
    columns > 0
  )
    return [rows, columns];
  const expected = 'two positive integers';
  throw new NemotronError(
    'SOURCE_CONFIG_INVALID',
    `${dir}: the block of quantization_config must be ${expected}, found ${show(block)}`,
    { facts: { path: dir, key: 'weight_block_size', expected, found: show(block) } },
  );
}

/** Tensor names that only a packed or calibrated checkpoint has, with the method that writes them. */
const SIGNS: readonly (readonly [RegExp, string])[] = [
  [/\.qweight$/, 'GPTQ or AWQ'],
  [/\.weight_packed$/, 'compressed-tensors'],
  [/\.weight_scale_2$/, 'NVFP4'],
  [/\.weight\.(absmax|quant_map)$/, 'bitsandbytes'],
];

export interface Quantization {
  /** The block of a float8 weight that shares a scale. */
  readonly block: readonly [number, number];
}

/**
 * How the source's weights are quantised, from config.json's quantization_config and the tensors themselves. Throws
 * SOURCE_QUANTIZED for methods that are not read, naming the bfloat16 release where its name can be told.
 */
export function readQuantization(
  dir: string,
  config: PyMap,
  tensors: ReadonlyMap<string, SourceTensor>,
): Quantization {
  const text = config['text_config'] ?? null;
  const given = config['quantization_config'] ?? (isPyMap(text) ? text['quantization_config'] : null) ?? null;
  if (isPyMap(given)) {
    const method = methodOf(given);
    const reads = Object.hasOwn(READABLE, method) ? READABLE[method] : undefined;
    if (reads?.(given) !== true) refuse(dir, config, method, label(given, method));
    return { block: blockOf(given, dir) };
  }
  for (const name of tensors.keys()) {
    const sign = SIGNS.find(([pattern]) => pattern.test(name));
    if (sign !== undefined) refuse(dir, config, sign[1], `${sign[1]} (it has ${name})`);
  }
  return { block: DEFAULT_BLOCK };
}

/** The name of a quantisation's method, as far as it has one. */
export function methodOf({ quant_method: method }: PyMap): string {
  return typeof method === 'string' ? method : 'unnamed';
}

function label(given: PyMap, method: string): string {
  const detail = given['quant_algo'] ?? given['format'] ?? null;
  return typeof detail === 'string' ? `${method} ${detail}` : method;
}

function refuse(dir: string, config: PyMap, method: string, found: string): never {
  const sibling = unquantizedName(
    typeof config['_name_or_path'] === 'string' ? config['_name_or_path'] : '',
    dir,
  );
  throw new NemotronError('SOURCE_QUANTIZED', `${dir}: the weights are quantised with ${found}`, {
    facts: { path: dir, method, readable: Object.keys(READABLE), sibling },
    ...(sibling === null ? {} : { hint: `use the bfloat16 release: ${sibling}` }),
  });
}

/** The bfloat16 release's name, from a name or path that ends in a quantisation; null when none does. */
function unquantizedName(name: string, dir: string): string | null {
  const cached = dir.split(sep).find((part) => part.startsWith('models--'));
  const candidates = [name, cached?.slice('models--'.length).replace('--', '/') ?? '', basename(dir)];
  for (const candidate of candidates) {
    const ending = /[-_.](NVFP4|FP8|FP4|INT4|INT8|AWQ|GPTQ|bnb-4bit|W4A16|W8A8)([-_.].*)?$/i.exec(candidate);
    if (ending !== null) return bfloat16Name(candidate.slice(0, ending.index));
  }
  return null;
}

/** NVIDIA's releases name their dtype; elsewhere the plain name is the bfloat16 release. */
function bfloat16Name(name: string): string {
  return /(^|\/)NVIDIA-/.test(name) ? `${name}-BF16` : name;
}
