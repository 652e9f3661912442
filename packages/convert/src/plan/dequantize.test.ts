import { expect, test } from 'vitest';
import type { SourceTensor } from '../source/tensor.js';
import { Dequantizer } from './dequantize.js';
import { copy } from './transforms/copy.js';

const tensor = (name: string, dtype: string, shape: number[]): SourceTensor => ({
  name,
  dtype,
  shape,
  begin: 0,
  end: 1,
  file: 0,
});
const weight = tensor('w', 'F8_E4M3', [130, 200]);
const { boxes } = copy(['w'], { shape: [130, 200], expert: null, provider: {} });
const run = (scale: SourceTensor[]) =>
  new Dequantizer(new Map(scale.map((entry) => [entry.name, entry])), [128, 128]).dequantize([weight], boxes);

test('joins a float8 weight with its scales, wherever they are stored', () => {
  const scale = tensor('w_scale_inv', 'F32', [2, 2]);
  const { tensors, boxes: filled } = run([scale]);
  expect(tensors).toEqual([weight, scale]);
  expect(filled[0]?.op).toEqual({ kind: 'dequant_block', scale: 1, block: [128, 128], columns: 200 });
});

test('refuses a weight without scales, and scales that are not one a block', () => {
  expect(() => run([])).toThrow(expect.objectContaining({ code: 'SOURCE_TENSOR_MISSING' }));
  expect(() => run([tensor('w_scale_inv', 'F32', [1, 2])])).toThrow(
    expect.objectContaining({ code: 'SOURCE_TENSOR_SHAPE' }),
  );
});

test('parameters of a kind share their boxes: the same scales by number, block and shape', () => {
  const weights = ['a', 'b', 'c'].map((name) => tensor(name, 'F8_E4M3', [130, 200]));
  const scales = [
    tensor('a_scale_inv', 'F32', [2, 2]),
    tensor('b_scale_inv', 'F32', [2, 2]),
    tensor('c_scale_inv', 'F32', []),
  ];
  const dequantizer = new Dequantizer(new Map(scales.map((entry) => [entry.name, entry])), [128, 128]);
  const [a, b, c] = weights.map((entry) => dequantizer.dequantize([entry], boxes).boxes);
  expect(b).toBe(a);
  expect(c).not.toEqual(a);
  expect(dequantizer.dequantize([weights[2] as SourceTensor], boxes).boxes).toBe(c);
});
