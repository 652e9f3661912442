import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { convertStep, nemotron } from '../support/cli.js';
import { FIXTURES, GOLDENS } from '../support/golden.js';
import { type HeaderEntry, writeSafetensors } from '../support/safetensors.js';

let dir: string;
let adapter: string;
let output: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'nemotron-'));
  adapter = join(dir, 'run', 'step_20');
  output = join(dir, 'merged');
  cpSync(join(GOLDENS, 'merge/llama/adapter'), adapter, { recursive: true });
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const LLAMA = join(FIXTURES, 'llama');

function mergeStep(overrides: Readonly<Record<string, string>> = {}) {
  const all = { lora_checkpoint: adapter, base_hf_path: LLAMA, output_hf_path: output, ...overrides };
  const words = Object.entries(all).map(([key, value]) => `${key}=${value}`);
  return nemotron(['steps', 'run', 'convert/merge_lora', ...words], { env: { PWD: dir } });
}

const weights = (): string => join(adapter, 'adapter_model.safetensors');

/** The adapter's weights with another header; their data stays. */
function rewrite(change: (header: Record<string, HeaderEntry>) => void): void {
  const file = readFileSync(weights());
  const length = Number(file.readBigUInt64LE());
  const header = JSON.parse(file.subarray(8, 8 + length).toString()) as Record<string, HeaderEntry>;
  change(header);
  writeSafetensors(weights(), header, file.subarray(8 + length));
}

function configure(change: Readonly<Record<string, unknown>>): void {
  const path = join(adapter, 'adapter_config.json');
  const config = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  writeFileSync(path, JSON.stringify({ ...config, ...change }));
}

const QUERY = 'base_model.model.model.layers.0.self_attn.q_proj';

describe('the way from an adapter to a Megatron checkpoint', () => {
  test('an adapter is refused with the step that merges it, and what that makes converts', async () => {
    const refused = await convertStep({ hf_model_id: adapter, megatron_path: join(dir, 'megatron') });
    expect(refused.exit).toBe(3);
    expect(refused.stderr).toContain('error[E0303]');
    expect(refused.stderr).toContain('nemotron steps run convert/merge_lora');

    const merged = await mergeStep({ lora_checkpoint: join(dir, 'run') });
    expect(merged.stderr).toContain(`merging the adapter in ${adapter} into ${LLAMA}`);
    expect(merged.exit).toBe(0);
    expect(merged.stdout).toContain(output);
    const expected = readdirSync(LLAMA).sort();
    expect(readdirSync(output).sort()).toEqual(expected);
    for (const name of expected.filter((file) => !file.endsWith('.safetensors'))) {
      expect(readFileSync(join(output, name), 'utf8'), name).toBe(readFileSync(join(LLAMA, name), 'utf8'));
    }
    expect(existsSync(`${output}.partial`)).toBe(false);

    const converted = await convertStep({ hf_model_id: output, megatron_path: join(dir, 'megatron') });
    expect(converted.stderr).not.toContain('error');
    expect(converted.exit).toBe(0);
  });

  test('config.json says the dtype that was asked for; the tokenizer can be left out', async () => {
    const result = await mergeStep({ torch_dtype: 'float16', save_tokenizer: 'false' });
    expect(result.exit).toBe(0);
    const config = JSON.parse(readFileSync(join(output, 'config.json'), 'utf8')) as Record<string, unknown>;
    expect(config['dtype']).toBe('float16');
    expect(existsSync(join(output, 'generation_config.json'))).toBe(true);
    expect(existsSync(join(output, 'tokenizer.json'))).toBe(false);
  });
});

describe('what cannot be merged is refused before anything is written', () => {
  async function refuses(id: string, exit: number, ...says: readonly (string | RegExp)[]): Promise<void> {
    const result = await mergeStep();
    expect(result.stderr).toContain(`error[${id}]`);
    expect(result.stderr).toContain('hint:');
    for (const text of says) expect(result.stderr).toMatch(text);
    expect(result.exit).toBe(exit);
    expect(existsSync(output)).toBe(false);
    expect(existsSync(`${output}.partial`)).toBe(false);
  }

  test('no adapter', async () => {
    rmSync(join(adapter, 'adapter_config.json'));
    await refuses('E0340', 3, 'no adapter_config.json', 'find ');
  });

  test('a configuration that is no JSON, or lies about its kind', async () => {
    writeFileSync(join(adapter, 'adapter_config.json'), '{"r": 8,');
    await refuses('E0341', 3, 'adapter_config.json');
    writeFileSync(join(adapter, 'adapter_config.json'), '{"r": "eight", "target_modules": ["q_proj"]}');
    await refuses('E0341', 3, 'r must be a number');
  });

  test.each([
    ['peft_type', 'LOHA'],
    ['init_lora_weights', 'pissa_niter_4'],
    ['use_qalora', true],
    ['alora_invocation_tokens', [1, 2]],
    ['layer_replication', [[0, 2]]],
  ])('%s %s', async (key, value) => {
    configure({ [key]: value });
    await refuses('E0342', 3, key);
  });

  test('weights that are absent, half there, or cut off', async () => {
    rewrite((header) => {
      header[`${QUERY}.lora_C.weight`] = header[`${QUERY}.lora_B.weight`] as HeaderEntry;
      delete header[`${QUERY}.lora_B.weight`];
    });
    await refuses('E0345', 3, 'lora_C');
    rmSync(weights());
    await refuses('E0343', 3, 'has no adapter_model.safetensors');
    writeFileSync(join(adapter, 'adapter_model.bin'), 'pickle');
    await refuses('E0343', 3, 'safe_serialization=True');
    cpSync(join(GOLDENS, 'merge/llama/adapter/adapter_model.safetensors'), weights());
    writeFileSync(weights(), readFileSync(weights()).subarray(0, 20_000));
    await refuses('E0307', 3, '43744 bytes expected');
  });

  test('a rank that the configuration does not have', async () => {
    configure({ r: 4 });
    await refuses('E0344', 3, /is \[8, 160\], but .* the rank 4/);
    configure({ r: 8, rank_pattern: { 'layers.0.self_attn.q_proj': 16 } });
    await refuses('E0344', 3, 'q_proj the rank 16');
  });

  test('a base of another shape, and one without the module', async () => {
    cpSync(join(GOLDENS, 'merge/qwen3-dora/adapter'), adapter, { recursive: true });
    await refuses('E0344', 3, 'of the base is');
    cpSync(join(GOLDENS, 'merge/llama/adapter'), adapter, { recursive: true });
    rewrite((header) => {
      for (const part of ['lora_A', 'lora_B']) {
        header[`${QUERY.replace('layers.0', 'layers.7')}.${part}.weight`] = header[
          `${QUERY}.${part}.weight`
        ] as HeaderEntry;
        delete header[`${QUERY}.${part}.weight`];
      }
    });
    await refuses('E0345', 3, 'the base model has no model.layers.7.self_attn.q_proj.weight');
  });

  test('magnitudes that the configuration does not know, and the other way round', async () => {
    configure({ use_dora: true });
    await refuses('E0343', 3, 'lora_magnitude_vector');
  });

  test('a dtype that is no float', async () => {
    rewrite((header) => {
      const entry = header[`${QUERY}.lora_A.weight`] as HeaderEntry;
      header[`${QUERY}.lora_A.weight`] = { ...entry, dtype: 'I32' };
    });
    await refuses('E0346', 3, 'is I32');
  });

  test('an output that has something in it, or lies in the base', async () => {
    const inside = await mergeStep({ output_hf_path: join(adapter, 'merged') });
    expect(inside.stderr).toContain('error[E0402]');
    cpSync(LLAMA, output, { recursive: true });
    const result = await mergeStep();
    expect(result.stderr).toContain('error[E0401]');
    expect(result.exit).toBe(4);
  });
});

test('modules that the configuration leaves out stay as they are, and are named', async () => {
  configure({ target_modules: ['v_proj', 'down_proj'], layers_to_transform: [1] });
  const result = await mergeStep();
  expect(result.exit).toBe(0);
  expect(result.stderr).toMatch(/leaves out 7 modules that the adapter has weights for/);
});
