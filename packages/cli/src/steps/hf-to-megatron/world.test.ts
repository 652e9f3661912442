import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadFile, type MapNode } from '@nemotron-convert/config';
import { afterAll, describe, expect, test } from 'vitest';
import { readManifest } from '../manifest.js';
import { stepSettings } from '../run-step.js';
import { readOptions } from './options.js';

const STEP = join(import.meta.dirname, '../../../../../config/steps/convert/hf_to_megatron');
const scratch = mkdtempSync(join(tmpdir(), 'world-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** The options of the shipped default configuration (or another file) with words and variables. */
function options(
  words: readonly string[],
  env: Record<string, string> = {},
  file = join(STEP, 'default.yaml'),
) {
  const variables = { PWD: scratch, ...env };
  const config = loadFile(file, { cwd: scratch, env: variables }) as MapNode;
  const defaultConfig = join(STEP, 'default.yaml');
  const settings = stepSettings(config, words, { cwd: scratch, env: variables, defaultConfig });
  return readOptions(settings, readManifest(join(STEP, 'step.toml')).extensions, variables);
}

const sizes = ({ options: { tp, pp, ep, etp } }: ReturnType<typeof options>) => [tp, pp, ep, etp];

describe('sizes', () => {
  test('that nobody chose are 1, whatever the fallbacks of the shipped configuration say', () => {
    expect(sizes(options([]))).toEqual([1, 1, 1, 1]);
  });

  test('come from words, variables and own configurations', () => {
    expect(sizes(options(['tp=2', 'pp=2']))).toEqual([2, 2, 1, 1]);
    expect(sizes(options([], { NEMOTRON_CONVERT_EP: '4' }))).toEqual([1, 1, 4, 1]);
    writeFileSync(join(scratch, 'own.yaml'), `defaults: ${join(STEP, 'default.yaml')}\nep: 2\n`);
    expect(sizes(options([], {}, join(scratch, 'own.yaml')))).toEqual([1, 1, 2, 1]);
    writeFileSync(join(scratch, 'bare.yaml'), 'hf_model_id: x\nmegatron_path: y\ntp: 2\n');
    expect(sizes(options([], {}, join(scratch, 'bare.yaml')))).toEqual([2, 1, 1, 1]);
  });

  test('need not fit a number of ranks that nobody chose', () => {
    expect(sizes(options(['tp=3', 'pp=5']))).toEqual([3, 5, 1, 1]);
    expect(sizes(options(['tp=1', 'ep=1']))).toEqual([1, 1, 1, 1]);
  });

  test('must fit a chosen number of ranks', () => {
    expect(() => options(['tp=3', 'torchrun.nproc_per_node=8'])).toThrow(
      'world size (8) must be divisible by tp*pp*cp (3)',
    );
    expect(() => options(['ep=3'], { NEMOTRON_CONVERT_NPROC_PER_NODE: '8' })).toThrow('etp*ep*pp (3)');
    expect(() => options(['tp=16'], { WORLD_SIZE: '8', RANK: '0' })).toThrow('tp*pp*cp (16)');
    expect(() => options(['torchrun.nproc_per_node=8'])).toThrow('no parallelism was configured');
    expect(sizes(options(['tp=2', 'ep=4', 'torchrun.nproc_per_node=8']))).toEqual([2, 1, 4, 1]);
  });

  test('are not used with distributed=false, and a note says so', () => {
    const found = options(['distributed=false', 'tp=2']);
    expect(sizes(found)).toEqual([1, 1, 1, 1]);
    expect(found.notes).toEqual(['distributed=false lays out for one rank; not used: tp']);
    expect(options(['distributed=false'], { WORLD_SIZE: '4', RANK: '2' }).idle).toBe(2);
  });
});

describe('dtype', () => {
  test('has the last word over torch_dtype, except over one on the command line', () => {
    expect(options([]).options.dtype).toBe('bfloat16');
    expect(options(['dtype=float32']).options.dtype).toBe('float32');
    expect(options(['torch_dtype=float16']).options.dtype).toBe('float16');
    writeFileSync(join(scratch, 'dtype.yaml'), 'hf_model_id: x\nmegatron_path: y\ndtype: float32\n');
    expect(options(['torch_dtype=float16'], {}, join(scratch, 'dtype.yaml')).options.dtype).toBe('float16');
  });

  test('outside the three is refused with the three', () => {
    expect(() => options(['dtype=int8'])).toThrow("'int8'; choose one of bfloat16, float16, float32");
  });
});

test('the parameters beyond the Python tool are read by their types', () => {
  expect(options(['threads=3', 'memory=512MiB', 'read_mode=mmap']).options).toMatchObject({
    threads: 3,
    memory: 512 * 2 ** 20,
    readMode: 'mmap',
  });
  expect(() => options(['write_mode=fast'])).toThrow('expected one of auto, direct, dontcache, buffered');
  // YAML's word for false.
  expect(options(['zero_copy=off']).options).toMatchObject({ zeroCopy: 'off' });
  expect(() => options(['memory=much'])).toThrow('such as 512MiB');
});
