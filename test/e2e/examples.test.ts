import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { convertStep } from '../support/cli.js';
import { FIXTURES } from '../support/golden.js';
import { hashTree } from '../support/tree.js';

const dir = mkdtempSync(join(tmpdir(), 'nemotron-examples-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const example = (name: string, ...words: string[]) => {
  const path = fileURLToPath(new URL(`../../examples/${name}.js`, import.meta.url));
  return spawnSync(process.execPath, [path, ...words], { encoding: 'utf8' });
};

test('convert: progress, and every element verified', () => {
  const { stdout, status } = example('convert', join(FIXTURES, 'llama'), join(dir, 'llama'));
  expect(status).toBe(0);
  expect(stdout).toMatch(/convert (\d+) of \1/);
  expect(stdout).toMatch(/9 tensors, 0 faults/);
  const again = example('convert', join(FIXTURES, 'llama'), join(dir, 'llama'));
  expect(again.status).toBe(4);
  expect(again.stderr).toContain('TARGET_EXISTS');
});

test('bulk: the rest of the models is converted', () => {
  const models = join(dir, 'models');
  mkdirSync(join(models, 'empty'), { recursive: true });
  for (const name of ['llama', 'qwen3']) symlinkSync(join(FIXTURES, name), join(models, name));
  const { stdout } = example('bulk', models, join(dir, 'bulk'));
  expect(stdout).toContain('2 converted, 0 were there, 1 failed');
});

test('custom family: other names, the same checkpoint', async () => {
  const source = join(FIXTURES, 'llama');
  const house = join(dir, 'house');
  mkdirSync(house);
  for (const name of ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']) {
    const bytes = readFileSync(join(source, name));
    const length = Number(bytes.readBigUInt64LE());
    const renamed = Buffer.from(houseNames(bytes.toString('utf8', 8, 8 + length)));
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(renamed.length));
    writeFileSync(join(house, name), Buffer.concat([size, renamed, bytes.subarray(8 + length)]));
  }
  for (const name of ['config.json', 'model.safetensors.index.json', 'tokenizer.json']) {
    writeFileSync(join(house, name), houseNames(readFileSync(join(source, name), 'utf8')));
  }
  const { stdout, stderr } = example('custom-family', house, join(dir, 'house-out'));
  expect(stderr).toBe('');
  expect(stdout).toContain('HouseLlamaForCausalLM, 9 tensors');

  await convertStep({ hf_model_id: source, megatron_path: join(dir, 'plain-out') });
  const shards = (path: string) => [...hashTree(path)].filter(([name]) => name.endsWith('.distcp'));
  expect(shards(join(dir, 'house-out'))).toEqual(shards(join(dir, 'plain-out')));
});

function houseNames(text: string): string {
  return text
    .replaceAll('"model.layers.', '"transformer.blocks.')
    .replaceAll('"model.', '"transformer.')
    .replaceAll('LlamaForCausalLM', 'HouseLlamaForCausalLM')
    .replaceAll('"transformer.safetensors', '"model.safetensors');
}
