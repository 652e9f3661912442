import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { convert, exportHf, NemotronError, plan } from '../../packages/convert/src/index.js';
import { FIXTURES } from '../support/golden.js';

/** Values of every JSON type, small and absurd, that stand where others belong. */
const VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  1,
  -1,
  3,
  7,
  1.5,
  1e9,
  1e18,
  1e308,
  '',
  'x',
  'silu',
  [],
  [[]],
  [1],
  ['x'],
  [null],
  [0, 0, 0],
  {},
  { x: 1 },
  { '': null },
  { rope_type: 'x' },
];
const NAMES = readdirSync(FIXTURES).filter((name) =>
  readdirSync(join(FIXTURES, name)).includes('config.json'),
);

const dir = mkdtempSync(join(tmpdir(), 'nemotron-config-values-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

type Json = Record<string, unknown>;

/** Where config.json holds something, at any depth: the map or list, and the key. */
function places(value: unknown): (readonly [Json, string])[] {
  if (typeof value !== 'object' || value === null) return [];
  const map = value as Json;
  return Object.keys(map).flatMap((key) => [[map, key] as const, ...places(map[key])]);
}

/** A fixture with another config.json. */
function source(name: string, change: (config: Json) => void): string {
  const path = join(dir, 'source');
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path);
  for (const file of readdirSync(join(FIXTURES, name))) {
    if (file !== 'config.json') symlinkSync(join(FIXTURES, name, file), join(path, file));
  }
  const config = JSON.parse(readFileSync(join(FIXTURES, name, 'config.json'), 'utf8')) as Json;
  change(config);
  writeFileSync(join(path, 'config.json'), JSON.stringify(config));
  return path;
}

const planned = (hfModelId: string): Promise<unknown> =>
  plan({ hfModelId, megatronPath: join(dir, 'megatron') });

const change = fc.record({
  place: fc.nat(),
  value: fc.option(fc.constantFrom(...VALUES), { nil: undefined }),
});

test('a value of another type in config.json is an error of the source, or does not matter', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...NAMES),
      fc.array(change, { minLength: 1, maxLength: 3 }),
      async (name, changes) => {
        const path = source(name, (config) => {
          for (const { place, value } of changes) {
            const all = places(config);
            const [map, key] = all[place % all.length] as readonly [Json, string];
            if (value === undefined) delete map[key];
            else map[key] = structuredClone(value);
          }
        });
        try {
          await planned(path);
        } catch (error) {
          expect(error, String((error as Error).stack)).toBeInstanceOf(NemotronError);
          expect((error as NemotronError).exit).toBeLessThanOrEqual(3);
        }
      },
    ),
    { numRuns: 400, seed: 1 },
  );
}, 240_000);

test.each([
  ['llama', 'num_hidden_layers', 1e9],
  ['llama', 'num_attention_heads', 1e9],
  ['qwen3-moe', 'num_experts', 1e9],
  ['nemotron-h-mtp', 'num_nextn_predict_layers', 1e9],
  ['deepseek-v3', 'n_routed_experts', 4e5],
])('%s with %s of %d is refused before a part is made for each', async (name, key, value) => {
  const path = source(name, (config) => {
    config[key] = value;
  });
  await expect(planned(path)).rejects.toMatchObject({
    code: 'SOURCE_CONFIG_INVALID',
    facts: { key, found: String(value) },
  });
});

test('an original whose config.json counts more experts than the checkpoint holds is refused', async () => {
  const megatronPath = join(dir, 'to-export');
  await convert({ hfModelId: join(FIXTURES, 'qwen3-moe'), megatronPath });
  const hfModelId = source('qwen3-moe', (config) => {
    config['num_experts'] = 1e9;
  });
  await expect(exportHf({ megatronPath, hfModelId, hfPath: join(dir, 'hf') })).rejects.toMatchObject({
    code: 'SOURCE_CONFIG_INVALID',
    facts: { key: 'num_experts', found: '1000000000' },
  });
});

test.each([
  ['llama', 'hidden_size', [1], 'hidden_size'],
  ['llama', 'intermediate_size', 'x', 'ffn_hidden_size'],
  ['deepseek-v3', 'kv_lora_rank', 1.5, 'kv_lora_rank'],
])('%s with %s of %j is refused by the name that Megatron has for it', async (name, key, value, field) => {
  const path = source(name, (config) => {
    config[key] = value;
  });
  await expect(planned(path)).rejects.toMatchObject({
    code: 'SOURCE_CONFIG_INVALID',
    message: expect.stringContaining(join(path, 'config.json')),
    facts: { field, found: JSON.stringify(value) },
  });
});
