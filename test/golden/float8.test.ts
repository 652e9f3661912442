import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { resolveOptions } from '../../packages/convert/src/options.js';
import { prepare } from '../../packages/convert/src/run/prepare.js';
import type { SourceTensor } from '../../packages/convert/src/source/tensor.js';
import { FIXTURES, openFixture } from '../support/golden.js';

const NAME = 'model.layers.0.mlp.down_proj.weight';
const MODULE = NAME.replace('.weight', '');

/** The plan of a small Qwen3 whose down projection is float8, with these tensors beside it and this configuration. */
function planned(quantization: object | null, beside: Readonly<Record<string, [string, number[]]>>) {
  const source = openFixture(join(FIXTURES, 'qwen3'));
  const weight = source.tensors.get(NAME) as SourceTensor;
  const added = Object.entries(beside).map(([name, [dtype, shape]]): [string, SourceTensor] => [
    name,
    { ...weight, name, dtype, shape },
  ]);
  const tensors = new Map([...source.tensors, [NAME, { ...weight, dtype: 'F8_E4M3' }], ...added]);
  const config = quantization === null ? source.config : { ...source.config, quantization_config: quantization };
  const options = resolveOptions({ hfModelId: source.dir, megatronPath: '/target' });
  const { plan, drops } = prepare({ ...source, tensors, config }, options, '/target');
  const item = plan.files
    .flatMap(({ items }) => items)
    .find((each) => 'form' in each && each.tensors.some((at) => plan.tensors[at]?.name === NAME));
  if (item === undefined || !('form' in item)) throw new Error(`nothing reads ${NAME}`);
  const [copy] = plan.forms[item.form]?.copies.filter(({ op }) => op?.kind === 'dequant_block') ?? [];
  const op = copy?.op;
  const scale = op?.kind === 'dequant_block' ? plan.tensors[item.tensors[op.scale] ?? -1]?.name : undefined;
  return { op, scale, dropped: drops.flatMap(({ tensors: names }) => names), shape: weight.shape };
}

const group = (weights: object) => ({ config_groups: { group_0: { weights } } });
const FLOAT8 = { num_bits: 8n, type: 'float' };
const [ROWS = 0, COLUMNS = 0] = (
  openFixture(join(FIXTURES, 'qwen3')).tensors.get(NAME) as SourceTensor
).shape;

test.each([
  ['one number, as Mistral writes it', { quant_method: 'fp8', weight_block_size: null }, '_scale_inv', [], 'F32', true],
  ['one number by compressed-tensors', { quant_method: 'compressed-tensors', format: 'float-quantized', ...group({ ...FLOAT8, strategy: 'tensor' }) }, '_scale', [1], 'BF16', false],
  ['one number by ModelOpt', { quant_method: 'modelopt', quant_algo: 'FP8' }, '_scale', [], 'F32', false],
] as const)('scales: %s', (_, config, suffix, shape, dtype, rounded) => {
  const { op, scale, dropped } = planned(config, {
    [`${NAME}${suffix}`]: [dtype, [...shape]],
    [`${MODULE}.input_scale`]: ['F32', []],
  });
  expect(op).toMatchObject({ block: [ROWS, COLUMNS], columns: COLUMNS, ...(rounded ? { rounded } : {}) });
  expect(scale).toBe(`${NAME}${suffix}`);
  expect(dropped).toContain(`${MODULE}.input_scale`);
});

test.each([
  ['compressed-tensors', { quant_method: 'compressed-tensors', format: 'float-quantized', ...group({ ...FLOAT8, strategy: 'channel' }) }],
  ['FBGEMM', { quant_method: 'fbgemm_fp8' }],
])('scales: one a row by %s', (_, config) => {
  const { op } = planned(config, { [`${NAME}_scale`]: ['F32', [ROWS, 1]] });
  expect(op).toMatchObject({ block: [1, COLUMNS], columns: COLUMNS });
});

test.each([
  ['one for 128 rows', [1], [128, COLUMNS]],
  ['one for each row', [ROWS], [1, COLUMNS]],
  ['one for each half of a row', [ROWS, 2], [1, COLUMNS / 2]],
  ['one for each block', [1, 1], [128, 128]],
])('scales of DeepSeek V4: %s', (_, shape, block) => {
  for (const dtype of ['F32', 'F8_E8M0']) {
    const { op, scale } = planned({ quant_method: 'fp8' }, { [`${MODULE}.scale`]: [dtype, shape] });
    expect({ op, scale }).toMatchObject({ op: { columns: COLUMNS }, scale: `${MODULE}.scale` });
    const [rows, columns] = op?.kind === 'dequant_block' ? op.block : [];
    expect([Math.min(rows ?? 0, ROWS), Math.min(columns ?? 0, COLUMNS)]).toEqual([
      Math.min(block[0] ?? 0, ROWS),
      Math.min(block[1] ?? 0, COLUMNS),
    ]);
  }
});

test('refuses other formats by name, and scales of another shape', () => {
  const refused = (config: object): void => {
    expect(() => planned(config, { [`${NAME}_scale`]: ['F32', [1]] })).toThrow(
      expect.objectContaining({ code: 'SOURCE_QUANTIZED' }),
    );
  };
  refused({ quant_method: 'modelopt', quant_algo: 'NVFP4' });
  refused({ quant_method: 'compressed-tensors', format: 'pack-quantized' });
  refused({ quant_method: 'compressed-tensors', format: 'float-quantized', ...group({ ...FLOAT8, num_bits: 4n }) });
  expect(() => planned({ quant_method: 'modelopt', quant_algo: 'FP8' }, { [`${NAME}_scale`]: ['F32', [3]] })).toThrow(
    expect.objectContaining({ code: 'SOURCE_TENSOR_SHAPE', message: expect.stringContaining('one for each row') }),
  );
});

test('the fixture of Ministral 3 has scales of both dtypes', () => {
  const header = readFileSync(join(FIXTURES, 'mistral3-fp8', 'model.safetensors')).subarray(8, 9000).toString('latin1');
  for (const dtype of ['F32', 'BF16', 'F8_E4M3']) expect(header).toContain(`"dtype":"${dtype}"`);
});
