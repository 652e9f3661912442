import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { resolveOptions } from '../../packages/convert/src/options.js';
import { prepare } from '../../packages/convert/src/run/prepare.js';
import { FIXTURES, goldens, openFixture, readExpected } from '../support/golden.js';
import { readHeader, replay } from '../support/replay.js';
import { type HeaderEntry, writeSafetensors } from '../support/safetensors.js';

interface Tensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: number[];
  readonly data: Uint8Array;
}

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'nemotron-sources-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** A fixture with its tensors edited, in one file. */
function edited(fixture: string, edit: (tensor: Tensor, index: number) => Tensor | null): string {
  const from = join(FIXTURES, fixture);
  cpSync(join(from, 'config.json'), join(dir, 'config.json'));
  const files = readdirSync(from).filter((name) => name.endsWith('.safetensors'));
  const tensors = files.flatMap((file) => {
    const bytes = readFileSync(join(from, file));
    return readHeader(join(from, file)).tensors.map(({ begin, end, ...rest }) => ({
      ...rest,
      data: bytes.subarray(begin, end),
    }));
  });
  const header: Record<string, HeaderEntry> = {};
  const data: Uint8Array[] = [];
  let at = 0;
  for (const tensor of tensors.map(edit)) {
    if (tensor === null) continue;
    const end = at + tensor.data.length;
    header[tensor.name] = { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [at, end] };
    data.push(tensor.data);
    at = end;
  }
  writeSafetensors(join(dir, 'model.safetensors'), header, Buffer.concat(data));
  return dir;
}

const plan = (source: string) =>
  prepare(
    openFixture(source),
    resolveOptions({ hfModelId: source, megatronPath: '/target', target: '0.3.1' }),
    '/target',
  ).plan;

const hashes = (source: string): Record<string, string> =>
  Object.fromEntries([...replay(plan(source))].map(([key, { sha256 }]) => [key, sha256]));

function recorded(fixture: string): Record<string, string> {
  const golden = goldens().find(({ name, file }) => name === fixture && file === 'expected.json');
  if (golden === undefined) throw new Error(`no golden ${fixture}`);
  return Object.fromEntries(
    Object.entries(readExpected(golden).tensors).map(([key, { sha256 }]) => [key, sha256]),
  );
}

const renamed = (tensor: Tensor, from: string, to: string): Tensor =>
  tensor.name.startsWith(from) ? { ...tensor, name: `${to}${tensor.name.slice(from.length)}` } : tensor;

/** bfloat16 as float32: the same values in twice the bytes. */
function widened(tensor: Tensor): Tensor {
  const data = new Uint8Array(2 * tensor.data.length);
  for (let i = 0; i < tensor.data.length; i += 2) data.set(tensor.data.subarray(i, i + 2), 2 * i + 2);
  return { ...tensor, dtype: 'F32', data };
}

describe('sources as people have them', () => {
  test('tensors of several dtypes', () => {
    const source = edited('qwen3', (tensor, i) =>
      i % 2 === 0 && tensor.dtype === 'BF16' ? widened(tensor) : tensor,
    );
    expect(hashes(source)).toEqual(recorded('qwen3'));
  });

  test.each([
    ['model.', 'model.language_model.'],
    ['model.', 'language_model.model.'],
  ])('a language model whose %s is %s', (from, to) => {
    expect(hashes(edited('qwen3', (tensor) => renamed(tensor, from, to)))).toEqual(recorded('qwen3'));
  });

  test('Nemotron-H under the names of newer releases', () => {
    const source = edited('nemotron-h-moe', (tensor) => renamed(tensor, 'backbone.', 'model.'));
    expect(hashes(source)).toEqual(recorded('nemotron-h-moe'));
  });
});

describe('what does not fit is an error that names both sides', () => {
  const NAME = 'model.layers.1.self_attn.k_norm.weight';

  test('a rule that finds no tensor', () => {
    const source = edited('qwen3', (tensor) => (tensor.name === NAME ? null : tensor));
    expect(() => plan(source)).toThrow(
      expect.objectContaining({
        code: 'SOURCE_TENSOR_MISSING',
        message: expect.stringMatching(/k_norm\.weight, which decoder\.layers\.1\.self_attention\.k_layernorm\.weight/),
      }),
    );
  });

  test('a shape that contradicts config.json', () => {
    const source = edited('qwen3', (tensor) =>
      tensor.name === NAME ? { ...tensor, shape: [2, (tensor.shape[0] ?? 0) / 2] } : tensor,
    );
    expect(() => plan(source)).toThrow(
      expect.objectContaining({
        code: 'SOURCE_TENSOR_SHAPE',
        message: expect.stringMatching(/k_norm\.weight is \[2, \d+\].*\[\d+\] for decoder\.layers\.1/),
      }),
    );
  });

  test('a tensor that no rule names', () => {
    const source = edited('qwen3', (tensor) => tensor);
    const file = openFixture(source);
    const norm = file.tensors.get(NAME);
    if (norm === undefined) throw new Error(`no ${NAME}`);
    const tensors = new Map([...file.tensors, ['model.layers.1.mystery', { ...norm, name: 'model.layers.1.mystery' }]]);
    const options = resolveOptions({ hfModelId: source, megatronPath: '/target' });
    expect(() => prepare({ ...file, tensors }, options, '/target')).toThrow(
      expect.objectContaining({
        code: 'SOURCE_TENSOR_UNMAPPED',
        message: expect.stringMatching(/no rule of Qwen3ForCausalLM names model\.layers\.1\.mystery/),
      }),
    );
  });
});
