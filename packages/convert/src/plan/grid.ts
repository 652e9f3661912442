import type { Param, Part } from '../megatron/model.js';
import type { ParallelSizes } from '../models/provider.js';

/** One chunk of a tensor on disk, and the window of the parameter that it holds. */
export interface Chunk {
  readonly key: string;
  /** The global tensor's shape, leading axes included. */
  readonly globalShape: readonly number[];
  readonly offsets: readonly number[];
  readonly sizes: readonly number[];
  /** The chunk's window in the parameter at tensor parallel size 1. */
  readonly windowStart: readonly number[];
  readonly windowSize: readonly number[];
  /** The tensor parallel rank that owns it (expert tensor parallel for experts); 0 for replicated parameters. */
  readonly tpRank: number;
}

/**
 * The chunk grid of torch.distributed.checkpoint for one parameter: a chunk a part and tensor parallel rank. Parts with
 * a suffix are tensors of their own; parts without one follow each other in the same tensor.
 */
export function chunks(param: Param, sizes: ParallelSizes): Chunk[] {
  const ranks = param.split === 'replicated' ? 1 : param.expert === null ? sizes.tp : sizes.etp;
  const lead = { offsets: param.axes.map((axis) => axis.index), sizes: param.axes.map(() => 1) };
  const counts = param.axes.map((axis) => axis.count);
  const out: Chunk[] = [];
  let row = 0;
  for (const part of param.parts) {
    const own = part.suffix !== null;
    const shape = own ? [part.rows, ...param.shape.slice(1)] : [...param.shape];
    const key = own ? `${param.key}.${part.suffix}` : param.key;
    for (let rank = 0; rank < ranks; rank += 1) {
      const window = cut(param, part, row, rank, ranks);
      const local = window.start.map((at, d) => (d === 0 && own ? at - row : at));
      out.push({
        key,
        globalShape: [...counts, ...shape],
        offsets: [...lead.offsets, ...local],
        sizes: [...lead.sizes, ...window.size],
        windowStart: window.start,
        windowSize: window.size,
        tpRank: rank,
      });
    }
    row += part.rows;
  }
  return out;
}

function cut(
  param: Param,
  part: Part,
  row: number,
  rank: number,
  ranks: number,
): { start: number[]; size: number[] } {
  const start = param.shape.map((_, d) => (d === 0 ? row : 0));
  const size = param.shape.map((extent, d) => (d === 0 ? part.rows : extent));
  if (param.split !== 'replicated') {
    const axis = param.split === 'column' ? 0 : 1;
    const share = (size[axis] as number) / ranks;
    size[axis] = share;
    start[axis] = (start[axis] as number) + rank * share;
  }
  return { start, size };
}
