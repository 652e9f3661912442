import { expect, test } from 'vitest';
import { Dequantizer } from '../plan/dequantize.js';
import { copy } from '../plan/transforms/copy.js';
import { unpacked } from './packed.js';
import { isPackedIntegers } from './packed-integers.js';
import type { SourceTensor } from './tensor.js';

const tensor = (name: string, dtype: string, shape: number[]): SourceTensor => ({
  name,
  dtype,
  shape,
  begin: 0,
  end: 1,
  file: 0,
});
const source = (...tensors: SourceTensor[]) => new Map(tensors.map((entry) => [entry.name, entry]));
const words = tensor('a.weight_packed', 'I32', [3, 8]);
const scale = tensor('a.weight_scale', 'BF16', [3, 2]);
const shape = tensor('a.weight_shape', 'I32', [2]);
const other = tensor('b.weight', 'BF16', [5]);

test('a packed weight stands for its words, scales and shape, and boxes over it know its groups', () => {
  const tensors = unpacked(source(words, scale, shape, other));
  expect([...tensors.keys()]).toEqual(['b.weight', 'a.weight']);
  const weight = tensors.get('a.weight') as SourceTensor;
  expect(isPackedIntegers(weight) && weight.shape).toEqual([3, 64]);

  const { boxes } = copy(['a.weight'], { shape: [3, 64], expert: null, provider: {} });
  const joined = new Dequantizer(tensors, [128, 128]).dequantize([weight], boxes);
  expect(joined.tensors).toEqual([words, scale]);
  expect(joined.boxes[0]?.op).toEqual({ kind: 'dequant_int4', scale: 1, group: 32 });
});

test('sources without packed weights stay as they are', () => {
  const tensors = source(other);
  expect(unpacked(tensors)).toBe(tensors);
});

test('refuses words without scales, and scales that do not divide a row into equal groups', () => {
  expect(() => unpacked(source(words, shape))).toThrow(
    expect.objectContaining({ code: 'SOURCE_TENSOR_MISSING' }),
  );
  for (const shape of [[3, 3], [2, 2], [3, 0], [6]]) {
    expect(() => unpacked(source(words, tensor('a.weight_scale', 'BF16', shape)))).toThrow(
      expect.objectContaining({ code: 'SOURCE_TENSOR_SHAPE' }),
    );
  }
});
