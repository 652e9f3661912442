import { dtypeBytes, memo } from '@nemotron-convert/core';
import { product } from '../box.js';
import type { ModelDescription, Param } from '../megatron/model.js';
import type { ParallelSizes } from '../models/provider.js';
import type { SourceTensor } from '../source/tensor.js';
import type { Mapped } from './collect.js';
import { COMMON_STATE_KEY, type Container, ITERATION_DIR, torchObjects } from './container.js';
import { Forms } from './forms.js';
import { type Cut, cuts } from './grid.js';
import { Numbered } from './numbered.js';
import { rankLayout } from './ranks.js';
import type { ObjectItem, PlanFile, PlanTensor, TensorItem, TorchDistPlan } from './types.js';

export interface BuildInput {
  readonly model: ModelDescription;
  readonly mapped: readonly Mapped[];
  readonly sourceFiles: readonly { readonly path: string; readonly bytes: number }[];
  readonly container: Container;
  readonly sizes: ParallelSizes;
  /** Decoder layers of each pipeline stage. */
  readonly stages: readonly number[];
  /** Absolute path of the published iteration directory; recorded in `.metadata`. */
  readonly checkpointId: string;
  readonly saveId: string;
  /** Place payloads where their blocks can be shared with the source's. */
  readonly share: boolean;
  /** Processes that share the writing; null leaves every item to the rank of the layout that owns it. */
  readonly world: number | null;
}

interface PlacedItem {
  readonly item: TensorItem;
  readonly bytes: number;
  readonly rank: number;
  /** Where the item's data begins in the source, so that a file is written in reading order. */
  readonly first: SourceTensor | undefined;
}

/** Lays the mapped parameters out as chunks, the chunks as items of files, and numbers everything they refer to. */
export function buildPlan(input: BuildInput): TorchDistPlan {
  const layout = rankLayout(input.sizes, input.stages);
  const keys = new Numbered<string, { key: string; dtype: string; shape: readonly number[] }>();
  const tensors = new Numbered<SourceTensor, PlanTensor>();
  const forms = new Forms();
  const grids = new Map<Param, readonly Cut[]>();
  const placed: PlacedItem[] = [];
  for (const { param, kind, dtype, tensors: sources, boxes, fill } of input.mapped) {
    for (const cut of memo(grids, kind, () => cuts(kind, input.sizes))) {
      const name = cut.suffix === null ? param.key : `${param.key}.${cut.suffix}`;
      const shape = (): number[] => [...param.axes.map(({ count }) => count), ...cut.shape];
      const key = keys.add(name, () => ({ key: name, dtype, shape: shape() }));
      const use = forms.use(boxes, cut, fill);
      const used = use.sources.map((source) => {
        const tensor = sources[source] as SourceTensor;
        return tensors.add(tensor, () => planTensor(tensor));
      });
      const offsets = [...param.axes.map(({ index }) => index), ...cut.offsets];
      placed.push({
        item: { key, offsets, form: use.form, tensors: used },
        bytes: product(cut.sizes) * dtypeBytes(dtype),
        rank: layout.rankOf(param.stage, param.expert, cut.tpRank),
        first: sources[0],
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
    version: 2,
    container: 'torch_dist',
    sources: input.sourceFiles.map(({ path, bytes }) => ({ path, bytes })),
    tensors: tensors.values,
    objects: torchObjects(input.container),
    forms: forms.values,
    keys: keys.values,
    files:
      input.world === null
        ? distribute(placed, objects, layout.world, input.container.filesPerRank)
        : distribute(...dealt(placed, objects, input.world), input.world, input.container.filesPerRank),
    share: input.share,
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
      bin.tensors.sort(
        ({ first: a }, { first: b }) => (a?.file ?? 0) - (b?.file ?? 0) || (a?.begin ?? 0) - (b?.begin ?? 0),
      );
      const items = [...bin.objects, ...bin.tensors.map(({ item }) => item)];
      if (items.length > 0) files.push({ path: `${ITERATION_DIR}/__${rank}_${n}.distcp`, rank, items });
    }
  }
  return files;
}
