import { NemotronError } from '@nemotron-convert/core';
import type { Param, Part } from '../megatron/model.js';
import type { ParallelSizes } from '../models/provider.js';
import { divisors } from './ranks.js';

/** One chunk of a tensor on disk, whatever the indices of the parameter on its leading axes. */
export interface Cut {
  /** Part of the key, where the part is a tensor of its own. */
  readonly suffix: string | null;
  /** The global tensor's shape behind its leading axes. */
  readonly shape: readonly number[];
  /** The chunk's place in that shape. */
  readonly offsets: readonly number[];
  /** The chunk's sizes, one on each leading axis. */
  readonly sizes: readonly number[];
  /** The chunk's window in the parameter at tensor parallel size 1. */
  readonly windowStart: readonly number[];
  readonly windowSize: readonly number[];
  /** The tensor parallel rank that owns it (expert tensor parallel for experts); 0 for replicated parameters. */
  readonly tpRank: number;
}

/**
 * The chunk grid of torch.distributed.checkpoint for one kind of parameter: a chunk a part and tensor parallel rank. Parts
 * with a suffix are tensors of their own; parts without one follow each other in the same tensor.
 */
export function cuts(param: Param, sizes: ParallelSizes): Cut[] {
  const ranks = param.split === 'replicated' ? 1 : param.expert === null ? sizes.tp : sizes.etp;
  const lead = param.axes.map(() => 1);
  const out: Cut[] = [];
  let row = 0;
  for (const part of param.parts) {
    const own = part.suffix !== null;
    for (let rank = 0; rank < ranks; rank += 1) {
      const window = cut(param, part, row, rank, ranks);
      out.push({
        suffix: part.suffix,
        shape: own ? [part.rows, ...param.shape.slice(1)] : param.shape,
        offsets: window.start.map((at, d) => (d === 0 && own ? at - row : at)),
        sizes: [...lead, ...window.size],
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
    const whole = size[axis] as number;
    if (whole % ranks !== 0) {
      const option = param.expert === null ? 'tp' : 'etp';
      throw new NemotronError(
        'PARALLEL_SIZE',
        `${option}=${ranks} does not divide the ${whole} of ${param.key}`,
        {
          facts: { option, found: ranks, parameter: param.key, count: whole, legal: divisors(whole) },
          hint: `use ${option}=${divisors(whole).join(',')}`,
        },
      );
    }
    const share = whole / ranks;
    size[axis] = share;
    start[axis] = (start[axis] as number) + rank * share;
  }
  return { start, size };
}
