import { DTYPES, dtypeBytes, memo } from '@nemotron-convert/core';
import type { Fill, Form, FormCopy, Plan, PlanFile, PlanTensor } from './types.js';

/** A whole tensor of a safetensors checkpoint, and what fills it. */
export interface OutputTensor {
  readonly name: string;
  /** torch dtype name. */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** What the copies count, as indices into the plan's tensors. */
  readonly tensors: readonly number[];
  /** The copies' iteration space; its row-major order is the tensor's. */
  readonly extent: readonly number[];
  readonly copies: readonly FormCopy[];
  /** What the rest holds where the copies leave some. */
  readonly fill?: Fill;
}

export interface SafetensorsInput {
  readonly sources: Plan['sources'];
  /** What the outputs' `tensors` refer to. */
  readonly tensors: readonly PlanTensor[];
  readonly outputs: readonly OutputTensor[];
  /** The file of every output. */
  readonly fileOf: ReadonlyMap<string, string>;
  /** Processes that share the writing, a file at a time; one when absent. */
  readonly world?: number;
}

/**
 * Lays whole tensors out as safetensors files. Within a file they are sorted as the reference implementation does it,
 * wide elements first and then by name, so that each begins at a multiple of its element's size.
 */
export function safetensorsPlan({ sources, tensors, outputs, fileOf, world = 1 }: SafetensorsInput): Plan {
  const files = new Map<string, OutputTensor[]>();
  for (const output of outputs) {
    const path = fileOf.get(output.name);
    if (path === undefined) throw new TypeError(`${output.name} is in no file`);
    const members = files.get(path);
    if (members === undefined) files.set(path, [output]);
    else members.push(output);
  }
  const keys: Plan['keys'][number][] = [];
  const forms: Form[] = [];
  // Layers and experts repeat themselves.
  const known = new Map<string, number>();
  const formOf = (form: Form): number => memo(known, JSON.stringify(form), () => forms.push(form) - 1);
  const planned = [...files]
    .sort(([a], [b]) => compare(a, b))
    .map(([path, members], number): PlanFile => {
      members.sort((a, b) => order(b.dtype) - order(a.dtype) || compare(a.name, b.name));
      const items = members.map(({ name, dtype, shape, tensors: used, extent, copies, fill }) => ({
        key: keys.push({ key: name, dtype, shape }) - 1,
        offsets: shape.map(() => 0),
        form: formOf({ sizes: shape, extent, copies, ...(fill === undefined ? {} : { fill }) }),
        tensors: used,
      }));
      return { path, rank: number % world, header: { format: 'pt' }, items };
    });
  return {
    version: 2,
    container: 'safetensors',
    sources,
    tensors,
    objects: {},
    forms,
    keys,
    files: planned,
    archives: [],
  };
}

export function outputBytes({ dtype, shape }: Pick<OutputTensor, 'dtype' | 'shape'>): number {
  return shape.reduce((product, n) => product * n, dtypeBytes(dtype));
}

/** The reference implementation's order of dtypes, which is by size; equal sizes have an order too. */
const ORDER = [
  'BOOL',
  'U8',
  'I8',
  'F8_E5M2',
  'F8_E4M3',
  'F8_E8M0',
  'I16',
  'F16',
  'BF16',
  'I32',
  'F32',
  'F64',
  'I64',
];

function order(torch: string): number {
  return ORDER.indexOf(DTYPES.find((row) => row.torch === torch)?.safetensors ?? '');
}

/** By code units, which for the names that tensors have is the order of their bytes. */
function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
