import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { convert, exportHf } from '../../packages/convert/src/index.js';
import type { Target } from '../../packages/convert/src/models/target.js';
import { resolveOptions } from '../../packages/convert/src/options.js';
import { prepare } from '../../packages/convert/src/run/prepare.js';
import { FIXTURES, goldens, openFixture, readExpected } from '../support/golden.js';
import { tensorsOf } from '../support/hf-checkpoint.js';
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
  return rewritten(fixture, (tensors) => tensors.map(edit).filter((tensor) => tensor !== null));
}

function rewritten(fixture: string, rewrite: (tensors: readonly Tensor[]) => readonly Tensor[]): string {
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
  for (const tensor of rewrite(tensors)) {
    const end = at + tensor.data.length;
    header[tensor.name] = { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [at, end] };
    data.push(tensor.data);
    at = end;
  }
  writeSafetensors(join(dir, 'model.safetensors'), header, Buffer.concat(data));
  return dir;
}

const plan = (source: string, target: Target = '0.3.1') =>
  prepare(
    openFixture(source),
    resolveOptions({ hfModelId: source, megatronPath: '/target', target }),
    '/target',
  ).plan;

const hashes = (source: string, target: Target = '0.3.1'): Record<string, string> =>
  Object.fromEntries([...replay(plan(source, target))].map(([key, { sha256 }]) => [key, sha256]));

function recorded(fixture: string, target: Target = '0.3.1'): Record<string, string> {
  const truth = target === '0.3.1' ? 'expected.json' : 'expected.head.json';
  const golden = goldens().find(({ name, file }) => name === fixture && file === truth);
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

const EXPERT = /^(?<layer>.*)\.(?:mlp|block_sparse_moe)\.experts\.\d+\.(?<part>\w+)\.weight$/;
/** The parts of an expert by their names, as they come after each other in the one tensor. */
const PARTS: Readonly<Record<string, 'gate' | 'up' | 'down'>> = {
  gate_proj: 'gate',
  up_proj: 'up',
  down_proj: 'down',
  w1: 'gate',
  w3: 'up',
  w2: 'down',
};

/** The tensors as transformers 5 has them in memory: the experts of a layer in one tensor each way, under `mlp`. */
function held(tensors: readonly Tensor[]): readonly Tensor[] {
  const layers = new Map<string, Record<'gate' | 'up' | 'down', Tensor[]>>();
  const rest: Tensor[] = [];
  const byExpert = (a: Tensor, b: Tensor) => a.name.localeCompare(b.name, 'en', { numeric: true });
  for (const tensor of [...tensors].sort(byExpert)) {
    const { layer, part } = EXPERT.exec(tensor.name)?.groups ?? {};
    if (layer === undefined) {
      rest.push({ ...tensor, name: tensor.name.replace('.block_sparse_moe.', '.mlp.') });
      continue;
    }
    const parts = layers.get(layer) ?? { gate: [], up: [], down: [] };
    layers.set(layer, parts);
    parts[PARTS[part as string] as 'gate'].push(tensor);
  }
  const stacks = [...layers].flatMap(([layer, { gate, up, down }]) => {
    const [{ dtype, shape: [width = 0, hidden = 0] }] = gate as [Tensor];
    const both = gate.flatMap(({ data }, expert) => [data, (up[expert] as Tensor).data]);
    const at = `${layer}.mlp.experts`;
    return [
      { name: `${at}.gate_up_proj`, dtype, shape: [gate.length, 2 * width, hidden], data: Buffer.concat(both) },
      {
        name: `${at}.down_proj`,
        dtype,
        shape: [down.length, hidden, width],
        data: Buffer.concat(down.map(({ data }) => data)),
      },
    ];
  });
  return [...rest, ...stacks];
}

describe('sources as people have them', () => {
  test.each([
    ['deepseek-v3-mtp', '0.3.1'],
    ['glm4-moe', '0.3.1'],
    ['mixtral-groups', '0.3.1'],
    ['olmoe', '0.3.1'],
    ['qwen2-moe-tied', '0.3.1'],
    ['qwen3-moe', '0.3.1'],
    ['qwen3-next', '0.3.1'],
    ['ernie-a', '0.7.0'],
    ['exaone-moe-a', '0.7.0'],
    ['glm-lite-a', '0.7.0'],
    ['minimax-m2-a', '0.7.0'],
  ] as const)('%s with the experts of a layer in one tensor', (fixture, target) => {
    const source = rewritten(fixture, held);
    const names = readHeader(join(source, 'model.safetensors')).tensors.map(({ name }) => name);
    expect(names.some((name) => name.endsWith('.mlp.experts.gate_up_proj'))).toBe(true);
    expect(names.some((name) => EXPERT.test(name))).toBe(false);
    expect(hashes(source, target)).toEqual(recorded(fixture, target));
  });

  test.each(['mixtral-groups', 'qwen3-moe'])('%s so comes back as it was', async (fixture) => {
    const source = rewritten(fixture, held);
    for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
      cpSync(join(FIXTURES, fixture, name), join(source, name));
    }
    const out = mkdtempSync(join(tmpdir(), 'nemotron-held-'));
    const [megatronPath, hfPath] = [join(out, 'megatron'), join(out, 'hf')];
    try {
      await convert({ hfModelId: source, megatronPath });
      await exportHf({ megatronPath, hfModelId: source, hfPath });
      const [original, back] = [await tensorsOf(source), await tensorsOf(hfPath)];
      const facts = (tensors: typeof original) =>
        [...tensors.values()]
          .map(({ name, dtype, shape, data }) => [name, dtype, shape.join(), data.toString('base64')].join(' '))
          .sort();
      expect(facts(back)).toEqual(facts(original));
    } finally {
      rmSync(out, { recursive: true });
    }
  });

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
