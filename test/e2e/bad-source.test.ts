import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { convertStep } from '../support/cli.js';
import { FIXTURES } from '../support/golden.js';
import { type HeaderEntry, writeSafetensors } from '../support/safetensors.js';

let dir: string;
let source: string;
let target: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'nemotron-'));
  source = join(dir, 'hf');
  target = join(dir, 'megatron');
  cpSync(join(FIXTURES, 'qwen2'), source, { recursive: true });
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const weights = (): string => join(source, 'model.safetensors');

/** The fixture's weights, with its header passed through `change`. */
function rewrite(change: (header: Record<string, HeaderEntry>) => void, claimedLength?: bigint): void {
  const file = readFileSync(weights());
  const length = Number(file.readBigUInt64LE());
  const header = JSON.parse(file.subarray(8, 8 + length).toString()) as Record<string, HeaderEntry>;
  change(header);
  writeSafetensors(weights(), header, file.subarray(8 + length), claimedLength);
}

function editConfig(change: (config: Record<string, unknown>) => void): void {
  const path = join(source, 'config.json');
  const config = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  change(config);
  writeFileSync(path, JSON.stringify(config));
}

async function refused(id: string, exit: number, ...says: readonly (string | RegExp)[]): Promise<void> {
  const result = await convertStep({ hf_model_id: source, megatron_path: target });
  expect(result.stderr).toContain(`error[${id}]`);
  expect(result.stderr).toContain('hint:');
  for (const text of says) expect(result.stderr).toMatch(text);
  expect(result.exit).toBe(exit);
  expect(existsSync(target)).toBe(false);
  expect(existsSync(`${target}.partial`)).toBe(false);
}

describe('a source that cannot be converted is refused before anything is written', () => {
  test('missing directory', async () => {
    rmSync(source, { recursive: true });
    await refused('E0301', 3);
  });

  test('config.json missing', async () => {
    rmSync(join(source, 'config.json'));
    await refused('E0302', 3, /original model id/);
  });

  test('an adapter without a model', async () => {
    rmSync(weights());
    writeFileSync(join(source, 'adapter_config.json'), '{}');
    writeFileSync(join(source, 'adapter_model.safetensors'), '');
    await refused('E0303', 3, /convert\/merge_lora/);
  });

  test('an adapter without config.json', async () => {
    rmSync(weights());
    rmSync(join(source, 'config.json'));
    writeFileSync(join(source, 'adapter_config.json'), '{}');
    await refused('E0303', 3, /convert\/merge_lora/);
  });

  test('config.json that is not JSON', async () => {
    writeFileSync(join(source, 'config.json'), '{"architectures": [');
    await refused('E0304', 3, /line 1/);
  });

  test('no weights', async () => {
    rmSync(weights());
    await refused('E0305', 3);
  });

  test('an index that names an absent shard', async () => {
    writeFileSync(
      join(source, 'model.safetensors.index.json'),
      JSON.stringify({ weight_map: { 'model.norm.weight': 'model-00001-of-00002.safetensors' } }),
    );
    await refused('E0306', 3, /model-00001-of-00002\.safetensors/);
  });

  test('an index that points outside the directory', async () => {
    writeFileSync(
      join(source, 'model.safetensors.index.json'),
      JSON.stringify({ weight_map: { 'model.norm.weight': '../../etc/passwd' } }),
    );
    await refused('E0314', 3);
  });

  test('a truncated file', async () => {
    truncateSync(weights(), readFileSync(weights()).length - 100);
    await refused('E0307', 3);
  });

  test('an empty file', async () => {
    truncateSync(weights(), 0);
    await refused('E0307', 3);
  });

  test('a header longer than the file', async () => {
    rewrite(() => undefined, 1n << 40n);
    await refused('E0308', 3);
  });

  test('offsets that overlap', async () => {
    rewrite((header) => {
      const names = Object.keys(header).filter((name) => name !== '__metadata__');
      const [a, b] = names.filter((name) => String(header[name]?.shape) === '64').map((name) => header[name]);
      if (a !== undefined && b !== undefined) b.data_offsets = a.data_offsets;
    });
    await refused('E0308', 3);
  });

  test('offsets outside the file', async () => {
    rewrite((header) => {
      const entry = header['model.norm.weight'];
      if (entry !== undefined) entry.data_offsets = [1e12, 1e12 + 128];
    });
    await refused('E0308', 3);
  });

  test('a tensor of another shape than config.json implies', async () => {
    editConfig((config) => {
      config['intermediate_size'] = 256;
    });
    await refused('E0311', 3, /mlp\.(gate|up|down)_proj\.weight/, /config\.json/);
  });

  test('a tensor of a dtype that has no cast', async () => {
    rewrite((header) => {
      const entry = header['model.norm.weight'];
      if (entry !== undefined) entry.dtype = 'I16';
    });
    await refused('E0312', 3, /model\.norm\.weight/, /I16/);
  });

  test('a tensor that no rule names', async () => {
    rewrite((header) => {
      header['model.layers.0.self_attn.mystery.weight'] = header['model.norm.weight'] as HeaderEntry;
      delete header['model.norm.weight'];
    });
    await refused('E0309', 3, /model\.norm\.weight/);
    const extra = join(source, 'extra.safetensors');
    cpSync(join(FIXTURES, 'qwen2'), source, { recursive: true, force: true });
    writeSafetensors(
      extra,
      { mystery: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } },
      new Uint8Array(4),
    );
    const index = { weight_map: { mystery: 'extra.safetensors', 'model.norm.weight': 'model.safetensors' } };
    writeFileSync(join(source, 'model.safetensors.index.json'), JSON.stringify(index));
    await refused('E0310', 3, /mystery/);
  });

  test('an architecture that is not supported', async () => {
    editConfig((config) => {
      config['architectures'] = ['Qwen2ForCausalLn'];
    });
    await refused('E0313', 3, /Qwen2ForCausalLM/);
  });

  test('tokenizer missing', async () => {
    rmSync(join(source, 'tokenizer.json'));
    await refused('E0315', 3, /original model id/);
  });
});

describe('a target that cannot be written is refused', () => {
  const run = async (id: string, path: string): Promise<void> => {
    const result = await convertStep({ hf_model_id: source, megatron_path: path });
    expect(result.stderr).toContain(`error[${id}]`);
    expect(result.exit).toBe(4);
  };

  test('not empty', async () => {
    mkdirSync(target);
    writeFileSync(join(target, 'mine'), 'keep');
    await run('E0401', target);
    expect(readFileSync(join(target, 'mine'), 'utf8')).toBe('keep');
  });

  test('the source itself, inside it, around it, and through a link', async () => {
    await run('E0402', source);
    await run('E0402', join(source, 'out'));
    await run('E0402', dir);
    symlinkSync(source, join(dir, 'link'));
    await run('E0402', join(dir, 'link', 'out'));
  });

  test('below a file', async () => {
    await run('E0405', join(weights(), 'out'));
  });
});

test('dtype outside the three is refused with their names', async () => {
  const result = await convertStep({ hf_model_id: source, megatron_path: target, dtype: 'int8' });
  expect(result.exit).not.toBe(0);
  for (const name of ['bfloat16', 'float16', 'float32']) expect(result.stderr).toContain(name);
  expect(existsSync(target)).toBe(false);
});
