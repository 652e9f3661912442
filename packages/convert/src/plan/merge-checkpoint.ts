import { memo, NemotronError } from '@nemotron-convert/core';
import type { Change } from '../adapter/change.js';
import { factorsAt, type MegatronChange } from '../adapter/megatron.js';
import { type Box, clip } from '../box.js';
import type { StoredKey } from '../source/checkpoint.js';
import type { SourceTensor } from '../source/tensor.js';
import { Matrices } from './low-rank.js';
import { Numbered } from './numbered.js';
import type {
  Form,
  FormCopy,
  ObjectItem,
  Plan,
  PlanFile,
  StoredObject,
  TensorItem,
  TorchDistPlan,
} from './types.js';

/** A chunk of a tensor in a file of the base; an object where the place is null. */
export interface StoredItem {
  readonly key: string;
  readonly file: string;
  readonly place: { readonly offsets: readonly number[]; readonly sizes: readonly number[] } | null;
}

export interface MergeCheckpointInput {
  readonly sources: readonly { readonly path: string; readonly bytes: number }[];
  readonly keys: ReadonlyMap<string, StoredKey>;
  readonly changes: ReadonlyMap<string, readonly MegatronChange[]>;
  /** In the order of the base's files. */
  readonly items: readonly StoredItem[];
  /** By key. */
  readonly objects: ReadonlyMap<string, string>;
  readonly iteration: string;
  readonly checkpointId: string;
}

/** The base checkpoint again, file by file and chunk by chunk, with changes added to its weights. */
export function mergeCheckpointPlan(input: MergeCheckpointInput): TorchDistPlan {
  const tensors = new Numbered<SourceTensor, SourceTensor>();
  const number = (region: SourceTensor): number => tensors.add(region, () => region);
  const matrices = new Matrices(number);
  const keys = new Numbered<string, Plan['keys'][number]>();
  const objects = new Numbered<string, string>();
  const forms = new Numbered<string, Form>();
  const files = new Map<string, (TensorItem | ObjectItem)[]>();
  for (const { key, file, place } of input.items) {
    const items = memo(files, file, () => []);
    if (place === null) {
      const stored = input.objects.get(key) as string;
      items.push({ key, object: `object-${objects.add(stored, () => stored)}` });
      continue;
    }
    const tensor = input.keys.get(key) as StoredKey;
    const used = new Numbered<SourceTensor, number>();
    const copies = chunkCopies(tensor, place, input.changes.get(key) ?? []).map(
      ({ source, ops, start, size, offset, strides }): FormCopy => {
        const copy = { tensor: used.add(source, () => number(source)), start, size, offset, strides };
        const [first, ...others] = ops;
        return first === undefined ? copy : { ...copy, op: matrices.op([first, ...others], tensor.dtype) };
      },
    );
    const form: Form = { sizes: place.sizes, extent: place.sizes, copies };
    items.push({
      key: keys.add(key, () => ({ key, dtype: tensor.dtype, shape: tensor.shape })),
      offsets: place.offsets,
      form: forms.add(JSON.stringify(form), () => form),
      tensors: used.values,
    });
  }
  return matrices.attach({
    version: 2,
    container: 'torch_dist',
    sources: input.sources,
    tensors: tensors.values.map(({ name, file, dtype, shape, begin, end }) => ({
      name,
      source: file,
      dtype,
      shape,
      begin,
      end,
    })),
    objects: Object.fromEntries(
      objects.values.map((stored, at): [string, StoredObject] => [`object-${at}`, { stored }]),
    ),
    forms: forms.values,
    keys: keys.values,
    files: [...files].map(
      ([file, items]): PlanFile => ({ path: `${input.iteration}/${file}`, rank: 0, items }),
    ),
    metadata: { path: `${input.iteration}/.metadata`, checkpointId: input.checkpointId, saveId: '' },
    archives: [],
  });
}

/** A box of a chunk with what is added to it. */
type ChangedBox = Box<SourceTensor> & { readonly ops: readonly Change[] };

function chunkCopies(
  tensor: StoredKey,
  { offsets, sizes }: NonNullable<StoredItem['place']>,
  changes: readonly MegatronChange[],
): ChangedBox[] {
  return tensor.boxes.flatMap((box) => {
    const part = clip(box, offsets, sizes);
    if (part === null) return [];
    return changes.length === 0 ? [{ ...part, ops: [] }] : changedMatrices(part, offsets, changes);
  });
}

/** A stored box, matrix by matrix, with the changes of each. `offsets` is where the box's chunk is in its tensor. */
function changedMatrices(
  box: Box<SourceTensor>,
  offsets: readonly number[],
  changes: readonly MegatronChange[],
): ChangedBox[] {
  const axes = box.size.length - 2;
  const [rows = 0, columns = 0] = box.size.slice(axes);
  const [rowStride, columnStride] = box.strides.slice(axes);
  if (columnStride !== 1 || (rows > 1 && rowStride !== columns)) {
    throw new NemotronError('CHECKPOINT_INVALID', `${box.source.name} is not stored row by row`, {
      facts: { tensor: box.source.name, strides: box.strides },
    });
  }
  return indices(box.size.slice(0, axes)).map((index) => {
    const start = box.start.map((at, d) => at + (index[d] ?? 0));
    const size = box.size.map((count, d) => (d < axes ? 1 : count));
    const offset = index.reduce((sum, at, d) => sum + at * (box.strides[d] as number), box.offset);
    const global = start.map((at, d) => at + (offsets[d] as number));
    const [row = 0, column = 0] = global.slice(axes);
    const ops = changes.map(
      (change): Change => ({
        offset,
        rows,
        columns,
        ...factorsAt(change, global.slice(0, axes), [row, column], [rows, columns]),
        scale: change.scale,
        rounded: false,
        magnitude: null,
      }),
    );
    return { ...box, start, size, offset, ops };
  });
}

/** Every index of a space, the last axis fastest. */
function indices(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (all, count) => all.flatMap((index) => Array.from({ length: count }, (_, at) => [...index, at])),
    [[]],
  );
}
