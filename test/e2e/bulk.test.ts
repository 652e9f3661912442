import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { convertMany } from '../../packages/convert/src/index.js';
import { convertStep, nemotron } from '../support/cli.js';
import { FIXTURES } from '../support/golden.js';
import { hashTree } from '../support/tree.js';

const dir = mkdtempSync(join(tmpdir(), 'nemotron-bulk-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const NAMES = ['llama', 'qwen2', 'qwen3-moe'];
const models = join(dir, 'models');
mkdirSync(models);
for (const name of NAMES) symlinkSync(join(FIXTURES, name), join(models, name));

const manifest = (name: string, text: string): string => {
  const path = join(dir, `${name}.yaml`);
  writeFileSync(path, text);
  return path;
};
const checkpoint = (path: string) =>
  [...hashTree(path)].filter(([name]) => !/conversion\.json|run_config\.yaml|metadata$/.test(name));

test('converts what a pattern finds, goes on past a failure, and goes on when run again', async () => {
  const out = join(dir, 'out');
  const report = join(dir, 'report.json');
  const path = manifest(
    'all',
    `options: {dtype: float16}
models:
  - {source: '${models}/*', output: '${out}/{parent}-{name}'}
  - {source: ${join(models, 'absent')}, output: '${out}/{name}'}
report: ${report}
`,
  );
  const first = await nemotron(['bulk', path]);
  expect(first.exit).toBe(3);
  expect(first.stdout).toContain('3 converted, 0 present, 1 failed');
  expect(first.stdout).toMatch(/failed +\S+absent +E0301/);
  const facts = JSON.parse(readFileSync(report, 'utf8')) as { conversions: { status: string }[] };
  expect(facts.conversions.map(({ status }) => status)).toEqual([
    'converted',
    'converted',
    'converted',
    'failed',
  ]);

  for (const name of NAMES) {
    const alone = join(dir, `alone-${name}`);
    await convertStep({ hf_model_id: join(models, name), megatron_path: alone, dtype: 'float16' });
    expect(checkpoint(join(out, `models-${name}`)), name).toEqual(checkpoint(alone));
  }

  rmSync(join(out, 'models-qwen2'), { recursive: true });
  const again = await nemotron(['bulk', path]);
  expect(again.stdout).toContain('1 converted, 2 present, 1 failed');

  // Another dtype makes other checkpoints: those that are there are in its way.
  const other = await nemotron(['bulk', path, 'options.dtype=float32']);
  expect(other.stdout).toContain('0 converted, 0 present, 4 failed');
  expect(other.exit).toBe(4);
});

test('a dry run writes nothing', async () => {
  const out = join(dir, 'dry');
  const path = manifest(
    'dry',
    `models: [{source: ${join(models, 'llama')}, output: '${out}/{name}', tp: 2}]`,
  );
  const { exit, stdout } = await nemotron(['bulk', path, '-d', '--json']);
  expect(exit).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ conversions: [{ megatronPath: join(out, 'llama'), tp: 2 }] });
  expect(existsSync(out)).toBe(false);
});

test('the manifest that the help shows is one', async () => {
  const { stdout } = await nemotron(['bulk', '--help']);
  const shown = /models: \[.*\]/.exec(stdout)?.[0] ?? '';
  const path = manifest('shown', shown.replace('/models/*', `${models}/*`).replace('/checkpoints', dir));
  const { stdout: json } = await nemotron(['bulk', path, '-d', '--json']);
  const { conversions } = JSON.parse(json) as { conversions: readonly { readonly megatronPath: string }[] };
  expect(conversions.map(({ megatronPath }) => megatronPath)).toEqual(NAMES.map((name) => join(dir, name)));
});

test.each([
  ['a section that is none', 'model: []', /model is no section of a manifest/],
  ['no models', 'models: []', /at least one model/],
  ['an unknown parameter', `models: [{source: a, output: b, dtpye: float16}]`, /dtpye is no parameter/],
  [
    'a key that is not quite output',
    'models: [{source: a, outptu: b}]',
    /models\[0\]: outptu is no parameter/,
  ],
  [
    'a pattern without a match',
    `models: [{source: '${models}/z*', output: b}]`,
    /no directory with a config.json matches/,
  ],
  [
    'a placeholder that is none',
    `models: [{source: a, output: '{size}'}]`,
    /\{size\} is no part of a source/,
  ],
  [
    'a wrong dtype, with its place',
    'models:\n  - {source: a, output: b, dtype: int8}',
    /at .*wrong.*yaml:2:\d+/,
  ],
  ['an unknown budget', 'models: [{source: a, output: b}]\nbudget: {gpus: 1}', /budget has no gpus/],
  [
    'two sources for one target',
    `models: [{source: '${models}/*', output: ${dir}/same}]`,
    /would be written to .*same/,
  ],
])('refuses %s', async (name, text, message) => {
  const { exit, stderr } = await nemotron(['bulk', manifest(`wrong ${name}`, text)]);
  expect(exit).toBeGreaterThan(0);
  expect(stderr).toMatch(message);
});

test('a budget holds: what does not fit on the disk fails, the rest is converted', async () => {
  const requests = NAMES.map((name) => ({
    hfModelId: join(models, name),
    megatronPath: join(dir, 'budget', name),
  }));
  const begun: string[] = [];
  const report = await convertMany(
    requests,
    { disk: 1_000_000, concurrent: 1, threads: 1, memory: 32 * 2 ** 20 },
    { onModel: ({ hfModelId }, outcome) => outcome === null && begun.push(hfModelId) },
  );
  expect(begun[0]).toBe(join(models, 'qwen3-moe'));
  const failed = report.outcomes.filter((outcome) => outcome.status === 'failed');
  expect(failed.map((outcome) => outcome.status === 'failed' && outcome.error.code)).toContain(
    'TARGET_BUDGET',
  );
  expect(report.bytesWritten).toBeLessThanOrEqual(1_000_000);
  expect(report.converted).toBeGreaterThan(0);
});

test('those that fail before they reach the disk keep nobody waiting', async () => {
  const names = Array.from({ length: 12 }, (_, number) => (number < 10 ? join(dir, `no-${number}`) : models));
  const requests = [...names, join(models, 'llama')].map((hfModelId, number) => ({
    hfModelId,
    megatronPath: join(dir, 'waiting', String(number)),
  }));
  const report = await convertMany(requests);
  expect(report.failed).toBe(12);
  expect(report.converted).toBe(1);
});
