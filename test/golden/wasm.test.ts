import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { convert, exportHf, inspect, plan, useEngine, verify } from '../../packages/convert/src/index.js';
import { convertStep, nemotron, ROOT } from '../support/cli.js';
import { FIXTURES, goldens } from '../support/golden.js';
import { hashTree } from '../support/tree.js';
import { expectGolden } from '../support/written.js';

const dir = mkdtempSync(join(tmpdir(), 'nemotron-wasm-'));
beforeAll(() => useEngine('wasm'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Casts, dequantisation, experts, tied and padded ends, encoders: what the engine has a path of its own for. */
const CHOSEN =
  process.env['GOLDENS'] === 'all'
    ? /./
    : /^(llama|llama-tied-oddvocab|deepseek-v3-fp8|gpt-oss-mxfp4|nemotron-h-moe|qwen3-vl.*|gemma4-wide|kimi-k2-a)$/;

describe('checkpoints of the goldens, by the engine in WebAssembly', () => {
  for (const golden of goldens().filter(({ name }) => CHOSEN.test(name))) {
    test(`${golden.name} ${golden.file}`, async () => {
      const { fixture, dtype, target, sizes } = golden;
      const path = join(dir, `${golden.name}-${golden.file}`);
      await convert({ hfModelId: fixture, megatronPath: path, dtype, target, ...sizes });
      await expectGolden(path, golden);
      expect((await verify({ path, mode: 'full' })).faults).toEqual([]);
      rmSync(path, { recursive: true });
    });
  }
});

const source = join(FIXTURES, 'nemotron-h-moe');
const wasm = { env: { NEMOTRON_ENGINE: 'wasm' } };
const NOTE = /^note: the WebAssembly engine works.*slower, the same bytes$/gm;

test('the command says once that WebAssembly works, and writes what the addon writes', async () => {
  const paths = { addon: join(dir, 'same', 'megatron'), wasm: join(dir, 'same', 'megatron') };
  await convertStep({ hf_model_id: source, megatron_path: paths.addon, tp: '2', ep: '2' });
  const written = hashTree(paths.addon);
  rmSync(paths.addon, { recursive: true });
  const result = await convertStep(
    { hf_model_id: source, megatron_path: paths.wasm, tp: '2', ep: '2' },
    wasm,
  );
  expect(result.exit, result.stderr).toBe(0);
  expect(result.stderr.match(NOTE)).toHaveLength(1);
  expect(hashTree(paths.wasm)).toEqual(written);
});

test('a model comes back, byte by byte', async () => {
  const path = join(dir, 'there');
  const back = join(dir, 'back');
  await convert({ hfModelId: source, megatronPath: path });
  await exportHf({ megatronPath: path, hfModelId: source, hfPath: back, verify: 'full' });
  const weights = (folder: string) =>
    [...hashTree(folder)].filter(([name]) => name.endsWith('.safetensors'));
  expect(weights(back)).toEqual(weights(source));
  expect((await inspect(path)).tensors.length).toBeGreaterThan(10);
});

test('failures arrive as facts with their codes, and the engine works on', async () => {
  await expect(inspect(join(FIXTURES, 'absent'))).rejects.toThrow(/absent/);
  const taken = join(dir, 'file');
  execFileSync('touch', [taken]);
  await expect(convert({ hfModelId: source, megatronPath: join(taken, 'x') })).rejects.toMatchObject({
    code: expect.stringMatching(/^TARGET_/) as string,
  });
  expect((await plan({ hfModelId: source, megatronPath: join(dir, 'planned') })).tensors).toBeGreaterThan(10);
});

test('a conversion stops when its signal fires', async () => {
  const stop = new AbortController();
  const work = convert(
    { hfModelId: source, megatronPath: join(dir, 'stopped') },
    {
      signal: stop.signal,
      onProgress: ({ kind }) => {
        if (kind === 'phase') stop.abort();
      },
    },
  );
  await expect(work).rejects.toMatchObject({ code: 'INTERRUPTED' });
});

test('an unknown engine is refused', async () => {
  const { exit, stderr } = await nemotron(['inspect', source], { cwd: ROOT, env: { NEMOTRON_ENGINE: 'gpu' } });
  expect(exit).not.toBe(0);
  expect(stderr).toContain('NEMOTRON_ENGINE=gpu: expected auto, native or wasm');
});
