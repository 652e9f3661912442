import type { MergedTensor } from '../adapter/apply.js';
import type { Change } from '../adapter/change.js';
import { product, rowMajor } from '../box.js';
import type { SourceTensor } from '../source/tensor.js';
import { Matrices } from './low-rank.js';
import { Numbered } from './numbered.js';
import type { OutputTensor } from './safetensors.js';
import type { FormCopy, PlanTensor } from './types.js';

export interface MergePlan {
  readonly tensors: readonly PlanTensor[];
  readonly matrices: Matrices;
  readonly outputs: readonly OutputTensor[];
}

/** Whole tensors of a merged model in their own shapes; `dtypeOf` says what each is held and stored in. */
export function mergePlan(
  merged: ReadonlyMap<string, MergedTensor>,
  dtypeOf: (name: string, source: SourceTensor) => string,
): MergePlan {
  const tensors = new Numbered<SourceTensor, PlanTensor>();
  const number = (source: SourceTensor): number =>
    tensors.add(source, () => {
      const { name, file, dtype, shape, begin, end } = source;
      return { name, source: file, dtype, shape, begin, end };
    });
  const matrices = new Matrices(number);
  const outputs = [...merged].map(([name, { source, changes }]): OutputTensor => {
    const dtype = dtypeOf(name, source);
    const { shape } = source;
    const whole: FormCopy = {
      tensor: 0,
      start: shape.map(() => 0),
      size: shape,
      offset: 0,
      strides: rowMajor(shape),
    };
    const parts = byOffset(changes).map(([first, ...others]): FormCopy => {
      const op = matrices.op([first, ...others], dtype);
      if (first.rows * first.columns === product(shape)) return { ...whole, op };
      // One of the matrices that a tensor stacks along its first axis.
      const at = first.offset / (first.rows * first.columns);
      const start = shape.map((_, d) => (d === 0 ? at : 0));
      const size = shape.map((n, d) => (d === 0 ? 1 : n));
      return { ...whole, start, size, offset: first.offset, op };
    });
    const copies = product(shape) === 0 ? [] : parts.length === 0 ? [whole] : parts;
    return { name, dtype, shape, tensors: [number(source)], extent: shape, copies };
  });
  return { tensors: tensors.values, matrices, outputs };
}

function byOffset(changes: readonly Change[]): [Change, ...Change[]][] {
  const groups = new Map<number, [Change, ...Change[]]>();
  for (const change of changes) {
    const group = groups.get(change.offset);
    if (group === undefined) groups.set(change.offset, [change]);
    else group.push(change);
  }
  return [...groups.values()];
}
