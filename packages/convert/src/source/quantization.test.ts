import { expect, test } from 'vitest';
import { readQuantization } from './quantization.js';
import type { SourceTensor } from './tensor.js';

const none = new Map<string, SourceTensor>();
const method = (quant_method: string, more = {}) => ({ quantization_config: { quant_method, ...more } });

test('reads the block of float8 weights', () => {
  expect(readQuantization('/m', {}, none).block).toEqual([128, 128]);
  expect(readQuantization('/m', method('fp8', { weight_block_size: [64n, 32n] }), none).block).toEqual([
    64, 32,
  ]);
});

test('guesses no block', () => {
  for (const weight_block_size of [[64n], [0n, 128n], ['x', 128n], [{}, 128n], '8x', true]) {
    expect(() => readQuantization('/m', method('fp8', { weight_block_size }), none)).toThrow(
      /must be two positive integers/,
    );
  }
});

test('refuses packed weights and names the bfloat16 release', () => {
  const dir = '/hub/models--nvidia--NVIDIA-Nemotron-3-Nano-30B-A3B-NVFP4/snapshots/0';
  expect(() => readQuantization(dir, method('modelopt', { quant_algo: 'NVFP4' }), none)).toThrow(
    expect.objectContaining({
      code: 'SOURCE_QUANTIZED',
      message: expect.stringContaining('modelopt NVFP4'),
      hint: expect.stringContaining('nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16'),
    }),
  );
  expect(() => readQuantization('/m/Qwen3-8B-AWQ', method('awq'), none)).toThrow(
    expect.objectContaining({ hint: expect.stringContaining('Qwen3-8B') }),
  );
});

test('tells packed weights by their tensors when config.json is silent', () => {
  const name = 'model.layers.0.mlp.down_proj.qweight';
  const tensor = { name, dtype: 'I32', shape: [1], begin: 0, end: 4, file: 0 };
  expect(() => readQuantization('/m', {}, new Map([[name, tensor]]))).toThrow(
    expect.objectContaining({
      code: 'SOURCE_QUANTIZED',
      facts: expect.objectContaining({ method: 'GPTQ or AWQ' }),
    }),
  );
});

test('reads symmetric four-bit integers of compressed-tensors, also where the language model has them', () => {
  const weights = { num_bits: 4n, type: 'int', symmetric: true, group_size: 32n };
  const packed = (more = {}) =>
    method('compressed-tensors', {
      format: 'pack-quantized',
      config_groups: { group_0: { weights: { ...weights, ...more } } },
    });
  expect(readQuantization('/m', packed(), none).block).toEqual([128, 128]);
  expect(readQuantization('/m', { text_config: packed() }, none, 'text_config').block).toEqual([128, 128]);
  for (const more of [{ num_bits: 8n }, { symmetric: false }, { type: 'float' }]) {
    expect(() => readQuantization('/m', { text_config: packed(more) }, none, 'text_config')).toThrow(
      expect.objectContaining({ code: 'SOURCE_QUANTIZED' }),
    );
  }
});
