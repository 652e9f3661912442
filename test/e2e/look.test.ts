import {
  cpSync,
  existsSync,
  mkdtempSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Inspection } from '@nemotron-convert/convert';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { atCall, convertStep, nemotron } from '../support/cli.js';
import { FIXTURES } from '../support/golden.js';
import { hashTree } from '../support/tree.js';

const dir = mkdtempSync(join(tmpdir(), 'nemotron-look-'));
const source = join(FIXTURES, 'llama');
const target = join(dir, 'megatron');

beforeAll(async () => {
  expect((await convertStep({ hf_model_id: source, megatron_path: target })).exit).toBe(0);
}, 60_000);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('looking at conversions', () => {
  test('plan tells sizes, model and target, and writes nothing', async () => {
    const path = join(dir, 'planned');
    const { exit, stdout } = await nemotron([
      'plan',
      `hf_model_id=${source}`,
      `megatron_path=${path}`,
      'tp=2',
      '--json',
    ]);
    expect(exit).toBe(0);
    const plan = JSON.parse(stdout) as Record<string, unknown>;
    expect(plan).toMatchObject({ architecture: 'LlamaForCausalLM', target: '0.3.1', tensors: 9 });
    expect(plan['layout']).toEqual({ tp: 2, pp: 1, ep: 1, etp: 1 });
    expect(existsSync(path)).toBe(false);
  });

  test('plan tells casts, pads, memory, disk and time on one screen, and the names when asked', async () => {
    const words = [`hf_model_id=${source}`, `megatron_path=${join(dir, 'planned')}`, 'dtype=float32'];
    const { stdout } = await nemotron(['plan', ...words]);
    expect(stdout).toMatch(/casts +\d+ tensors from BF16 to float32\n/);
    expect(stdout).toMatch(/pads +none|pads +\d+ tensors/);
    expect(stdout).toMatch(/memory +at most .+ of it buffers\n/);
    expect(stdout).toMatch(/free disk +\d/);
    expect(stdout).toMatch(/time +(under|about)/);
    expect(stdout).not.toContain('model.norm.weight');
    expect((await nemotron(['plan', '--verbose', ...words])).stdout).toContain('model.norm.weight');
  });

  test('the help of a run with a step has its parameters', async () => {
    const { stdout } = await nemotron(['steps', 'run', 'convert/hf_to_megatron', '--help']);
    expect(stdout).toMatch(/Parameters of convert\/hf_to_megatron\n {2}• hf_model_id — Source/);
    expect(stdout).toContain('• keep_source (default=True)');
    for (const words of [[], ['convert/nothing']])
      expect((await nemotron(['steps', 'run', ...words, '--help'])).stdout).not.toContain('Parameters of');
  });

  test('words that no parameter takes are told of', async () => {
    const words = [
      `hf_model_id=${source}`,
      `megatron_path=${join(dir, 'worded')}`,
      'verify=none',
      '--tp',
      '2',
      '--fresh',
    ];
    const { exit, stderr } = await nemotron(['steps', 'run', 'convert/hf_to_megatron', ...words]);
    expect(exit).toBe(0);
    expect(stderr).toContain('warning: not understood: --tp 2 (parameters are written key=value)\n');
  });

  test('plan refuses sizes that do not divide, with the legal ones', async () => {
    const words = ['plan', `hf_model_id=${source}`, `megatron_path=${join(dir, 'x')}`, 'tp=3'];
    const { exit, stderr } = await nemotron(words);
    expect(exit).toBe(2);
    expect(stderr).toMatch(/error\[E0203\]: tp=3 does not divide 8 attention heads/);
    expect(stderr).toContain('tp=1,2,4,8');
  });

  test('inspect reads checkpoints, sources and single files', async () => {
    const checkpoint = await nemotron(['inspect', target]);
    expect(checkpoint.stdout).toContain(
      'decoder.layers.self_attention.linear_qkv.weight  bfloat16 [3, 96, 64]  3 chunks',
    );
    expect((await nemotron(['inspect', source])).stdout).toContain('Hugging Face checkpoint, 30 tensors');
    const file = await nemotron(['inspect', join(source, 'model-00001-of-00002.safetensors'), '--json']);
    expect(JSON.parse(file.stdout)).toMatchObject({ kind: 'safetensors file' });
  });

  test('inspect tells of a checkpoint that a training wrote what its run_config.yaml does', async () => {
    const foreign = join(dir, 'foreign');
    cpSync(target, foreign, { recursive: true });
    rmSync(join(foreign, 'conversion.json'));
    const facts = async (): Promise<Record<string, unknown>> =>
      (JSON.parse((await nemotron(['inspect', foreign, '--json'])).stdout) as Inspection).facts;
    expect(await facts()).toMatchObject({
      provider: 'GPTModelProvider',
      num_layers: '3',
      dtype: 'bfloat16',
      layout: 'tp=1 pp=1 ep=1 etp=1',
      source,
    });
    const config = join(foreign, 'iter_0000000/run_config.yaml');
    writeFileSync(config, 'model: [');
    expect((await facts())['run_config.yaml']).toMatch(/^not readable: /);
    rmSync(config);
    expect((await facts())['run_config.yaml']).toBe('absent');
  });

  test('inspect tells one tensor and its figures, whichever kind of checkpoint has it', async () => {
    const figures = async (path: string, name: string): Promise<Record<string, unknown>> => {
      const { stdout } = await nemotron(['inspect', path, '--tensor', name, '--stats', '--json']);
      return JSON.parse(stdout) as Record<string, unknown>;
    };
    const ours = await figures(target, 'decoder.final_layernorm.weight');
    expect(ours).toEqual({ ...(await figures(source, 'model.norm.weight')), name: ours['name'] });
    const text = await nemotron(['inspect', source, '--tensor', 'model.norm.weight']);
    expect(text.stdout).toMatch(/^model\.norm\.weight {2}BF16 \[\d+\]\n/);
    const slip = await nemotron(['inspect', source, '--tensor', 'model.norm.wight']);
    expect(slip.exit).toBe(3);
    expect(slip.stderr).toContain('did you mean model.norm.weight?');
  });

  test('doctor looks at everything, and tells a profile that cannot be used', async () => {
    const good = await nemotron(['doctor', dir, '--json'], { cwd: dir, env: { HF_HUB_OFFLINE: '1' } });
    expect(good.exit).toBe(0);
    const found = JSON.parse(good.stdout) as { subject: string; state: string }[];
    expect(found.map(({ subject }) => subject)).toEqual([
      'node',
      'engine',
      'cpu',
      'path',
      'gpu',
      'slurm',
      'hub',
      'env.toml',
    ]);
    writeFileSync(join(dir, 'env.toml'), '[broken]\nextends = "nothing"\n');
    const bad = await nemotron(['doctor', dir], { cwd: dir, env: { HF_HUB_OFFLINE: '1' } });
    rmSync(join(dir, 'env.toml'));
    expect(bad.exit).toBe(1);
    expect(bad.stdout).toMatch(/bad +env\.toml .*broken/);
  });

  test('show --config tells where each value comes from, and hides secrets', async () => {
    const path = join(dir, 'mine.yaml');
    writeFileSync(path, 'hf_model_id: a/b\nmegatron_path: out\nhub_token: abc\nep: ${oc.env:SIZE,1}\n');
    const words = ['steps', 'show', 'hf_to_megatron', '--config', path, 'tp=2', '--json'];
    const { exit, stdout } = await nemotron(words, { env: { SIZE: '4' } });
    expect(exit).toBe(0);
    const rows = JSON.parse(stdout) as { key: string; value: unknown; origin: string }[];
    const row = (key: string) => rows.find((each) => each.key === key);
    expect(row('tp')).toEqual({ key: 'tp', value: 2, origin: 'override 1: tp=2' });
    expect(row('ep')?.origin).toMatch(/mine\.yaml:4:5 \(from SIZE\)$/);
    expect(row('hub_token')?.value).toBe('******');
    const shipped = await nemotron(['steps', 'show', 'hf_to_megatron', '--config'], { env: { PWD: dir } });
    expect(shipped.stdout).toMatch(/^tp +.*default\.yaml:\d+:\d+ \(NEMOTRON_CONVERT_TP not set\)$/m);
    expect((await nemotron(['steps', 'show', 'hf_to_megatron', 'extra'])).exit).toBe(2);
  });

  test('plan tells of an unfinished conversion, its own or another', async () => {
    const path = join(dir, 'unfinished');
    const words = [`hf_model_id=${source}`, `megatron_path=${path}`];
    const died = await nemotron(['steps', 'run', 'hf_to_megatron', ...words], {
      env: atCall('writeSmallFiles:1 before'),
    });
    expect(died.signal).toBe('SIGKILL');
    expect((await nemotron(['plan', ...words])).stdout).toMatch(/^unfinished .* the same command goes on$/m);
    expect((await nemotron(['plan', ...words, 'tp=2'])).stdout).toMatch(/^unfinished another conversion/m);
    const { stdout } = await nemotron(['steps', 'run', 'hf_to_megatron', ...words]);
    expect(stdout).toMatch(/resumed +\S+ \S+ were there/);
    expect(stdout).toMatch(/phases +plan .* convert .* verify .* publish/);
    expect((await nemotron(['plan', ...words.slice(0, 1), 'megatron_path=elsewhere'])).stdout).not.toContain(
      'unfinished',
    );
  });

  test('models lists architectures with their versions', async () => {
    const { stdout } = await nemotron(['models', '--json']);
    const rows = JSON.parse(stdout) as { architecture: string; targets: string[] }[];
    expect(rows.find((row) => row.architecture === 'LlamaForCausalLM')?.targets).toEqual(['0.3.1', '0.7.0']);
  });

  test('verify finds a flipped bit, and says where', async () => {
    const good = await nemotron(['verify', target, '--against', source]);
    expect(good.exit).toBe(0);
    const path = join(target, 'iter_0000000', '__0_0.distcp');
    const before = hashTree(target);
    const file = openSync(path, 'r+');
    const byte = Buffer.alloc(1);
    // The middle of the file lies in the payload of its largest tensors.
    const at = Math.floor(statSync(path).size / 2);
    readSync(file, byte, 0, 1, at);
    writeSync(file, Buffer.from([(byte[0] ?? 0) ^ 1]), 0, 1, at);
    expect(hashTree(target)).not.toEqual(before);
    const structural = await nemotron(['verify', target]);
    const full = await nemotron(['verify', target, '--mode', 'full']);
    const sampled = await nemotron(['verify', target, '--mode', 'sampled', '--json']);
    writeSync(file, byte, 0, 1, at);
    expect([structural.exit, full.exit, sampled.exit]).toEqual([6, 6, 6]);
    expect((JSON.parse(sampled.stdout) as { faults: string[] }).faults).toHaveLength(1);
    expect(structural.stdout).toMatch(/ at \[\d+(, \d+)*\]: the payload's CRC differs\n/);
    expect(full.stdout).toMatch(/element \d+ of the chunk differs/);
    expect((await nemotron(['verify', target])).exit).toBe(0);
  });

  test('verify of something that is no checkpoint', async () => {
    const { exit, stderr } = await nemotron(['verify', source]);
    expect(exit).toBe(3);
    expect(stderr).toContain('error[E0321]');
  });
});
