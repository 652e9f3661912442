import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execute, loadPlan, writeIndex } from '@nemotron-convert/native';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { convert, exportHf } from '../../packages/convert/src/index.js';
import { resolveOptions } from '../../packages/convert/src/options.js';
import { encodePlan } from '../../packages/convert/src/plan/encode.js';
import type { Form, Plan, TensorItem } from '../../packages/convert/src/plan/types.js';
import { prepare } from '../../packages/convert/src/run/prepare.js';
import { openSource } from '../../packages/convert/src/source/open.js';
import { nemotron } from '../support/cli.js';
import { FIXTURES } from '../support/golden.js';
import { tensorsOf } from '../support/hf-checkpoint.js';
import { hashTree } from '../support/tree.js';

const dir = mkdtempSync(join(tmpdir(), 'nemotron-export-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const LLAMA = join(FIXTURES, 'llama');
const megatron = join(dir, 'llama');
let made = 0;
const fresh = (): string => join(dir, `out-${++made}`);

beforeAll(async () => {
  await convert({ hfModelId: LLAMA, megatronPath: megatron });
});

const step = (overrides: Readonly<Record<string, string>>, env: Readonly<Record<string, string>> = {}) =>
  nemotron(
    [
      'steps',
      'run',
      'convert/megatron_to_hf',
      ...Object.entries(overrides).map(([key, value]) => `${key}=${value}`),
    ],
    { env: { PWD: dir, ...env }, cwd: dir },
  );

describe('the step', () => {
  test('turns a checkpoint and an iteration directory back', async () => {
    for (const path of [megatron, join(megatron, 'iter_0000000')]) {
      const out = fresh();
      const { exit, stdout } = await step({ megatron_path: path, hf_model_id: LLAMA, hf_path: out });
      expect({ exit, stdout: stdout.startsWith(`${out}: `) }).toEqual({ exit: 0, stdout: true });
      expect(hashTree(out).get('model-00001-of-00002.safetensors')).toBe(
        hashTree(LLAMA).get('model-00001-of-00002.safetensors'),
      );
    }
  });

  test('shares the files between launched ranks', async () => {
    const out = fresh();
    const values = { megatron_path: megatron, hf_model_id: LLAMA, hf_path: out, tp: '4' };
    const ranks = await Promise.all(
      ['0', '1', '2', '3'].map((RANK) =>
        step({ ...values, save_every_n_ranks: '2' }, { RANK, WORLD_SIZE: '4' }),
      ),
    );
    expect(ranks.map(({ exit }) => exit)).toEqual([0, 0, 0, 0]);
    expect(ranks[1]?.stderr).toContain('rank 1 is idle');
    expect(hashTree(out)).toEqual(hashTree(LLAMA));
  });

  test('says what is missing', async () => {
    const out = fresh();
    const cases = [
      [{ hf_model_id: LLAMA, hf_path: out }, 1, 'megatron_path'],
      [{ megatron_path: join(dir, 'nowhere'), hf_model_id: LLAMA, hf_path: out }, 3, 'E0321'],
      [{ megatron_path: megatron, hf_model_id: join(FIXTURES, 'qwen3'), hf_path: out }, 3, 'E0322'],
      [{ megatron_path: megatron, hf_model_id: LLAMA, hf_path: megatron }, 4, 'E04'],
      [{ megatron_path: megatron, hf_model_id: LLAMA, hf_path: join(LLAMA, 'back') }, 4, 'E04'],
      [{ megatron_path: megatron, hf_model_id: LLAMA, hf_path: out, dtype: 'int8' }, 1, 'dtype'],
    ] as const;
    for (const [values, code, text] of cases) {
      const { exit, stderr } = await step(values);
      expect({ exit, text: stderr.includes(text) ? text : stderr }).toEqual({ exit: code, text });
    }
  });
});

describe('the original', () => {
  /** A copy of the fixture's description, without its weights. */
  function described(change: (dir: string) => void): string {
    const copy = fresh();
    cpSync(LLAMA, copy, { recursive: true });
    for (const n of [1, 2]) rmSync(join(copy, `model-0000${n}-of-00002.safetensors`));
    change(copy);
    return copy;
  }
  const INDEX = 'model.safetensors.index.json';

  test('needs no weights', async () => {
    const hfModelId = described(() => undefined);
    const hfPath = fresh();
    await exportHf({ megatronPath: megatron, hfModelId, hfPath });
    expect(hashTree(hfPath)).toEqual(hashTree(LLAMA));
  });

  test('needs no index: files have a size then', async () => {
    const hfModelId = described((copy) => rmSync(join(copy, INDEX)));
    const hfPath = fresh();
    await exportHf({ megatronPath: megatron, hfModelId, hfPath, maxShardSize: 60_000 });
    const [original, back] = [await tensorsOf(LLAMA), await tensorsOf(hfPath)];
    expect([...back.keys()].sort()).toEqual([...original.keys()].sort());
    for (const [name, { data }] of back) expect(data.equals(original.get(name)?.data as Buffer)).toBe(true);
    const { weight_map: map } = JSON.parse(readFileSync(join(hfPath, INDEX), 'utf8'));
    expect(map).toEqual(Object.fromEntries([...back.values()].map(({ name, file }) => [name, file])));
  });

  test('must have the tensors, unless it is not strict', async () => {
    const hfModelId = described((copy) => {
      const index = JSON.parse(readFileSync(join(copy, INDEX), 'utf8'));
      delete index.weight_map['lm_head.weight'];
      index.weight_map['extra.weight'] = 'model-00001-of-00002.safetensors';
      writeFileSync(join(copy, INDEX), JSON.stringify(index));
    });
    const options = { megatronPath: megatron, hfModelId };
    await expect(exportHf({ ...options, hfPath: fresh() })).rejects.toMatchObject({
      code: 'CHECKPOINT_MISMATCH',
      facts: { differences: [{ names: ['lm_head.weight'] }, { names: ['extra.weight'] }] },
    });
    const hfPath = fresh();
    const report = await exportHf({ ...options, hfPath, strict: false });
    expect(report.drops.map(({ tensors }) => tensors)).toEqual([['lm_head.weight'], ['extra.weight']]);
    const back = await tensorsOf(hfPath);
    expect([back.has('lm_head.weight'), back.has('extra.weight')]).toEqual([false, false]);
    expect(back.size).toBe((await tensorsOf(LLAMA)).size - 1);
  });
});

/** What a training run makes of a plan: a later iteration, an optimizer state, a padded vocabulary. */
async function trained(root: string): Promise<void> {
  const source = await openSource(LLAMA);
  const { plan } = prepare(source, resolveOptions({ hfModelId: LLAMA, megatronPath: root, tp: 2 }), root);
  const forms: Form[] = [...plan.forms];
  const keys = plan.keys.map(({ key, ...rest }) => ({ key, ...rest, shape: [...rest.shape] }));
  const files = plan.files.map((file) => ({ ...file, items: [...file.items] }));
  for (const [number, key] of keys.entries()) {
    if (key.key === 'embedding.word_embeddings.weight') {
      const [rows = 0, width = 0] = key.shape;
      key.shape = [rows + 6, width];
      const form = forms.push({ sizes: [6, width], extent: [6, width], copies: [], fill: 'zero' }) - 1;
      const padding: TensorItem = { key: number, offsets: [rows, 0], form, tensors: [] };
      files[0]?.items.push(padding);
    }
  }
  const states = forms.push({ sizes: [4], extent: [4], copies: [], fill: 'zero' }) - 1;
  const state = keys.push({ key: 'optimizer.state.exp_avg.x', dtype: 'float32', shape: [4] }) - 1;
  files[0]?.items.push({ key: state, offsets: [0], form: states, tensors: [] });
  await write(root, 'iter_0000020', { ...plan, forms, keys, files });
}

async function write(root: string, iteration: string, plan: Plan): Promise<void> {
  const moved = JSON.parse(JSON.stringify(plan).replaceAll('iter_0000000', iteration)) as Plan;
  mkdirSync(root, { recursive: true });
  const loaded = await loadPlan(encodePlan(moved));
  await execute(loaded, { root, sync: false });
  await writeIndex(loaded, root);
}

test('a training run comes back: its latest iteration, without optimizer and padding', async () => {
  const root = fresh();
  await trained(root);
  mkdirSync(join(root, 'iter_0000010'));
  writeFileSync(join(root, 'latest_checkpointed_iteration.txt'), '20\n');
  const hfPath = fresh();
  const { iteration } = await exportHf({ megatronPath: root, hfModelId: LLAMA, hfPath, verify: 'full' });
  expect(iteration).toBe(join(root, 'iter_0000020'));
  expect(hashTree(hfPath)).toEqual(hashTree(LLAMA));
});

test('router biases stay exact: in float32 where bfloat16 could not hold them', async () => {
  const original = join(FIXTURES, 'deepseek-v3');
  const name = 'model.layers.1.mlp.gate.e_score_correction_bias';
  expect((await tensorsOf(original)).get(name)?.dtype).toBe('BF16');
  const megatronPath = fresh();
  await convert({ hfModelId: original, megatronPath });
  const key = 'decoder.layers.1.mlp.router.expert_bias';
  const { checkpointPlan } = await import('@nemotron-convert/native');
  const { keys, files, tensors, sources } = await checkpointPlan(join(megatronPath, 'iter_0000000'));
  const at = keys.findIndex((stored) => stored.key === key);
  const region = tensors[files[0]?.items[at]?.copies[0]?.tensor ?? -1];
  const path = sources[region?.source ?? -1]?.path as string;
  const bytes = readFileSync(path);
  bytes.writeFloatLE(1 / 3, region?.begin ?? 0);
  writeFileSync(path, bytes);
  const hfPath = fresh();
  await exportHf({ megatronPath, hfModelId: original, hfPath });
  const found = (await tensorsOf(hfPath)).get(name);
  expect({ dtype: found?.dtype, value: found?.data.readFloatLE(0) }).toEqual({
    dtype: 'F32',
    value: Math.fround(1 / 3),
  });
});
