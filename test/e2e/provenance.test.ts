import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { convert, type Provenance, verify } from '@nemotron-convert/convert';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { convertStep } from '../support/cli.js';
import { FIXTURES } from '../support/golden.js';
import { seeded } from '../support/tree.js';

const FLIPS = 60;

const dir = mkdtempSync(join(tmpdir(), 'nemotron-provenance-'));
const source = join(FIXTURES, 'nemotron-h-moe');
const target = join(dir, 'megatron');
const record = (): Provenance =>
  JSON.parse(readFileSync(join(target, 'conversion.json'), 'utf8')) as Provenance;

beforeAll(async () => {
  await convert({ hfModelId: source, megatronPath: target, dtype: 'float16' });
}, 60_000);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('two runs of one conversion differ under `volatile` only', async () => {
  const { volatile: first, ...before } = record();
  rmSync(target, { recursive: true });
  await convert({ hfModelId: source, megatronPath: target, dtype: 'float16' });
  const { volatile: second, ...after } = record();
  expect(after).toEqual(before);
  expect(second.finished).not.toBe(first.finished);
});

test('the record tells casts, drops, pads, hashes and verification', () => {
  const { casts, verification, files, source: read } = record();
  expect(casts.map(({ from, to }) => `${from} ${to}`)).toContain('BF16 float16');
  expect(verification).toEqual({ mode: 'structural' });
  expect(files.map(({ name }) => name)).toContain('iter_0000000/.metadata');
  expect(read.config.sha256).toMatch(/^[0-9a-f]{64}$/);
  expect(read.tokenizer.length).toBeGreaterThan(0);
  expect(read.files.every(({ sha256 }) => sha256 === undefined)).toBe(true);
});

test('parameters are recorded with where they come from, and weights are hashed on request', async () => {
  const path = join(dir, 'hashed');
  const words = { hf_model_id: source, megatron_path: path, tp: '2', hash: 'true' };
  expect((await convertStep(words, { env: { NEMOTRON_CONVERT_PP: '1' } })).exit).toBe(0);
  const { config, source: read } = JSON.parse(
    readFileSync(join(path, 'conversion.json'), 'utf8'),
  ) as Provenance;
  expect(config['tp']).toEqual({ value: 2, origin: expect.stringMatching(/^override \d+: tp=2$/) });
  expect(config['pp']?.origin).toMatch(/default\.yaml:\d+:\d+ \(from NEMOTRON_CONVERT_PP\)$/);
  expect(config['etp']).toEqual({ value: 1, origin: 'default' });
  expect(read.files.every(({ sha256 }) => /^[0-9a-f]{64}$/.test(sha256 ?? ''))).toBe(true);
});

test('a full verification finds one flipped bit in any file', async () => {
  expect((await verify({ path: target, mode: 'full' })).faults).toEqual([]);
  const random = seeded(11);
  const files = readdirSync(target, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  for (let flip = 0; flip < FLIPS; flip += 1) {
    const path = files[flip % files.length] as string;
    const sound = readFileSync(path);
    const bytes = Buffer.from(sound);
    const at = Math.floor(random() * bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
    writeFileSync(path, bytes);
    const found = await verify({ path: target, mode: 'full', against: source }).then(
      ({ faults }) => faults.length > 0,
      () => true,
    );
    writeFileSync(path, sound);
    expect(found, `byte ${at} of ${path}`).toBe(true);
  }
}, 300_000);
