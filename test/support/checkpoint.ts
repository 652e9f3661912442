import { readFileSync } from 'node:fs';
import { checkpointPlan } from '@nemotron-convert/native';
import { rowMajor } from '../../packages/convert/src/box.js';
import { iterationDir } from '../../packages/convert/src/source/iteration.js';
import type { StoredTensor } from './tensors.js';

const BYTES: Readonly<Record<string, number>> = { BF16: 2, F16: 2, F32: 4 };

/** Every tensor of a small Megatron checkpoint, whole. */
export async function readCheckpointTensors(path: string): Promise<Map<string, StoredTensor>> {
  const plan = await checkpointPlan(await iterationDir(path));
  const files = plan.sources.map((source) => readFileSync(source.path));
  const items = plan.files.flatMap((file) => file.items);
  return new Map(
    plan.keys.map(({ key, shape }, at) => {
      const copies = items[at]?.copies ?? [];
      const dtype = plan.tensors[copies[0]?.tensor ?? 0]?.dtype ?? 'F32';
      const size = BYTES[dtype] as number;
      const bytes = Buffer.alloc(shape.reduce((product, n) => product * n, size));
      const steps = rowMajor(shape);
      for (const { tensor, start, size: counts, offset, strides } of copies) {
        const region = plan.tensors[tensor] as (typeof plan.tensors)[number];
        const file = files[region.source] as Buffer;
        const visit = (axis: number, from: number, to: number): void => {
          if (axis === counts.length) {
            file.copy(bytes, to * size, region.begin + from * size, region.begin + (from + 1) * size);
            return;
          }
          for (let n = 0; n < (counts[axis] as number); n += 1) {
            visit(
              axis + 1,
              from + n * (strides[axis] as number),
              to + ((start[axis] as number) + n) * (steps[axis] as number),
            );
          }
        };
        visit(0, offset, 0);
      }
      return [key, { dtype, shape, bytes }] as const;
    }),
  );
}
