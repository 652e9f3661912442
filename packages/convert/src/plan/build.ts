import { dtypeBytes } from '@nemotron-convert/core';
import type { ModelDescription } from '../megatron/model.js';
import type { ParallelSizes } from '../models/provider.js';
import { COMMON_STATE_KEY, type Container, ITERATION_DIR, torchObjects } from '../output/container.js';
import type { SourceTensor } from '../source/tensor.js';
import { clip, product } from './box.js';
import type { Mapped } from './collect.js';
import { chunks } from './grid.js';
import { rankLayout } from './ranks.js';
import type { ObjectItem, Plan, PlanCopy, PlanFile, PlanTensor, TensorItem } from './types.js';

export interface BuildInput {
  readonly model: ModelDescription;
  readonly mapped: readonly Mapped[];
  readonly sourceFiles: readonly { readonly path: string; readonly bytes: number }[];
  readonly container: Container;
  readonly sizes: ParallelSizes;
  readonly layers: number;
  /** Absolute path of the published iteration directory; recorded in `.metadata`. */
  readonly checkpointId: string;
  readonly saveId: string;
  /** Processes that share the writing; null leaves every item to the rank of the layout that owns it. */
  readonly world: number | null;
}

interface PlacedItem {
  readonly item: TensorItem;
  readonly bytes: number;
  readonly rank: number;
  /** Where the item's data begins in the source, so that a file is written in reading order. */
  readonly position: readonly [file: number, begin: number];
}

/** Lays the mapped parameters out as chunks, the chunks as items of files, and numbers everything they refer to. */
export function buildPlan(input: BuildInput): Plan {
  const layout = rankLayout(input.sizes, input.layers);
  const keys = new Numbered<{ key: string; dtype: string; shape: readonly number[] }>();
  const tensors = new Numbered<PlanTensor>();
  const placed: PlacedItem[] = [];
  const number = (source: SourceTensor): number => tensors.add(source.name, () => planTensor(source));
  for (const { param, dtype, tensors: sources, boxes } of input.mapped) {
    for (const chunk of chunks(param, input.sizes)) {
      const key = keys.add(chunk.key, () => ({ key: chunk.key, dtype, shape: chunk.globalShape }));
      const copies: PlanCopy[] = [];
      for (const box of boxes) {
        const part = clip(box, chunk.windowStart, chunk.windowSize);
        if (part === null) continue;
        const tensor = number(sources[part.source] as SourceTensor);
        const { start, size, offset, strides, op } = part;
        if (op === undefined) copies.push({ tensor, start, size, offset, strides });
        else {
          const placedOp = 'scale' in op ? { ...op, scale: number(sources[op.scale] as SourceTensor) } : op;
          copies.push({ tensor, start, size, offset, strides, op: placedOp });
        }
      }
      const first = sources[0] as SourceTensor;
      placed.push({
        item: { key, offsets: chunk.offsets, sizes: chunk.sizes, extent: chunk.windowSize, copies },
        bytes: product(chunk.sizes) * dtypeBytes(dtype),
        rank: layout.rankOf(param.stage, param.expert, chunk.tpRank),
        position: [first.file, first.begin],
      });
    }
  }
  const objects = input.model.states.map(({ key, object, stage, expert }) => ({
    item: { key, object },
    rank: layout.rankOf(stage, expert, 0),
  }));
  if (input.container.common === 'object')
    objects.push({ item: { key: COMMON_STATE_KEY, object: 'common' as never }, rank: 0 });
  return {
    version: 1,
    sources: input.sourceFiles.map(({ path, bytes }) => ({ path, bytes })),
    tensors: tensors.values,
    objects: torchObjects(input.container),
    keys: keys.values,
    files:
      input.world === null
        ? distribute(placed, objects, layout.world, input.container.filesPerRank)
        : distribute(...dealt(placed, objects, input.world), input.world, input.container.filesPerRank),
    metadata: {
      path: `${ITERATION_DIR}/.metadata`,
      checkpointId: input.checkpointId,
      saveId: input.saveId,
    },
    archives: [
      ...(input.container.common === 'file'
        ? [{ path: `${ITERATION_DIR}/common.pt`, object: 'common' }]
        : []),
      { path: `${ITERATION_DIR}/train_state.pt`, object: 'train_state' },
      { path: 'latest_train_state.pt', object: 'train_state' },
    ],
  };
}

function planTensor(source: SourceTensor): PlanTensor {
  const { name, file, dtype, shape, begin, end } = source;
  return { name, source: file, dtype, shape, begin, end };
}

type PlacedObject = { readonly item: ObjectItem; readonly rank: number };

/** The same items over another number of ranks: objects round-robin, tensors by decreasing size onto the lightest. */
function dealt(
  placed: readonly PlacedItem[],
  objects: readonly PlacedObject[],
  world: number,
): [PlacedItem[], PlacedObject[]] {
  const loads = new Array<number>(world).fill(0);
  const bySize = [...placed].sort((a, b) => b.bytes - a.bytes);
  const tensors = bySize.map((item) => {
    const rank = loads.indexOf(Math.min(...loads));
    loads[rank] = (loads[rank] as number) + item.bytes;
    return { ...item, rank };
  });
  return [tensors, objects.map(({ item }, i) => ({ item, rank: i % world }))];
}

/** Objects dealt round-robin, then tensors by decreasing size onto a rank's lightest file. */
function distribute(
  placed: readonly PlacedItem[],
  objects: readonly PlacedObject[],
  world: number,
  filesPerRank: number,
): PlanFile[] {
  const files: PlanFile[] = [];
  for (let rank = 0; rank < world; rank += 1) {
    const own = objects.filter((object) => object.rank === rank).map(({ item }) => item);
    const bins = Array.from({ length: filesPerRank }, (_, n) => ({
      objects: own.filter((_, i) => i % filesPerRank === n),
      tensors: [] as PlacedItem[],
      bytes: 0,
    }));
    const bySize = placed.filter((item) => item.rank === rank).sort((a, b) => b.bytes - a.bytes);
    for (const item of bySize) {
      const bin = bins.reduce((light, next) => (next.bytes < light.bytes ? next : light));
      bin.tensors.push(item);
      bin.bytes += item.bytes;
    }
    for (const [n, bin] of bins.entries()) {
      bin.tensors.sort((a, b) => a.position[0] - b.position[0] || a.position[1] - b.position[1]);
      const items = [...bin.objects, ...bin.tensors.map(({ item }) => item)];
      if (items.length > 0) files.push({ path: `${ITERATION_DIR}/__${rank}_${n}.distcp`, rank, items });
    }
  }
  return files;
}

/** Values numbered by first use. */
class Numbered<T> {
  readonly values: T[] = [];
  readonly #numbers = new Map<string, number>();

  add(name: string, make: () => T): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    const number = this.values.push(make()) - 1;
    this.#numbers.set(name, number);
    return number;
  }
}
