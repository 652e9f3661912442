import { join } from 'node:path';
import { inspectCheckpoint, inspectTensor } from '@nemotron-convert/native';
import { expect } from 'vitest';
import { type Golden, readExpected } from './golden.js';

/** Compares keys, dtypes, shapes, the bytes of every tensor and the objects of a checkpoint with a recorded truth. */
export async function expectGolden(path: string, golden: Golden): Promise<void> {
  const expected = readExpected(golden);
  const iteration = join(path, 'iter_0000000');
  const { tensors, objects } = await inspectCheckpoint(iteration);
  expect(tensors.map(({ key }) => key).sort()).toEqual(Object.keys(expected.tensors).sort());
  expect([...objects].sort()).toEqual(Object.keys(expected.objects).sort());
  for (const { key, dtype, shape } of tensors) {
    const want = expected.tensors[key];
    const { sha256 } = await inspectTensor(iteration, key);
    expect({ key, dtype, shape, sha256 }).toEqual({
      key,
      dtype: want?.dtype,
      shape: want?.shape,
      sha256: want?.sha256,
    });
  }
}
