import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  applyDotlist,
  type ConfigValue,
  loadConfig,
  merge,
  nodeFrom,
  plain,
  printYaml,
  problemKind,
  readConfigFile,
} from '@nemotron-convert/config';
import { dumpPythonYaml } from '@nemotron-convert/core';
import { afterAll, expect, test } from 'vitest';
import { difference, recordedValue } from './values.js';

/** What OmegaConf and PyYAML did with random input (test/oracle/record_omegaconf.py). */
type Vector = Readonly<Record<string, unknown>> & {
  readonly expect?: { readonly value?: unknown; readonly error?: string };
};

const ENV = { V: 'val', N: '5', E: '' };
const scratch = mkdtempSync(join(tmpdir(), 'vectors-'));
afterAll(() => rmSync(scratch, { recursive: true }));

function vectors(name: string): readonly Vector[] {
  return JSON.parse(readFileSync(join(import.meta.dirname, 'vectors', `${name}.json`), 'utf8')) as Vector[];
}

function file(text: string): string {
  const path = join(scratch, 'config.yaml');
  writeFileSync(path, text);
  return path;
}

/** Runs every vector and returns those that differ. */
function differing(name: string, run: (vector: Vector) => ConfigValue, kinds: boolean): string[] {
  return vectors(name).flatMap((vector) => {
    const { expect: expected = {}, ...given } = vector;
    let found: string | undefined;
    try {
      const value = run(vector);
      found =
        expected.error === undefined
          ? difference(recordedValue(expected.value), value, false)
          : `expected ${expected.error}`;
    } catch (error) {
      const kind = problemKind(error);
      if (kind === undefined || expected.error === undefined) found = String(error);
      else if (kinds && kind !== expected.error) found = `expected ${expected.error}, found ${kind}`;
    }
    return found === undefined ? [] : [`${JSON.stringify(given)}: ${found}`];
  });
}

test('interpolations resolve to the same values and fail with the same kinds', () => {
  const run = ({ config }: Vector) => {
    const path = file(printYaml(recordedValue(config)));
    return loadConfig(path, { cwd: scratch, env: ENV }).config;
  };
  expect(differing('interpolation', run, true)).toEqual([]);
});

test('three configs merge alike', () => {
  const run = ({ configs }: Vector) => {
    const [first, second, third] = (configs as unknown[]).map((config) => nodeFrom(recordedValue(config)));
    if (first === undefined || second === undefined || third === undefined) throw new Error('three configs');
    return plain(merge(merge(first, second, ENV), third, ENV));
  };
  expect(differing('merge', run, false)).toEqual([]);
});

test('YAML reads alike', () => {
  const run = ({ text }: Vector) => plain(readConfigFile(file(String(text)), { cwd: scratch }));
  expect(differing('yaml', run, false)).toEqual([]);
});

test('overrides apply alike', () => {
  const run = ({ text, dotlist }: Vector) =>
    plain(applyDotlist(readConfigFile(file(String(text)), { cwd: scratch }), dotlist as string[], ENV));
  expect(differing('dotlist', run, false)).toEqual([]);
});

test('trees are written byte for byte alike', () => {
  const wrong = vectors('dump').filter(({ value, omegaconf, pyyaml }) => {
    const tree = recordedValue(value);
    return printYaml(tree) !== omegaconf || dumpPythonYaml(tree, { allowUnicode: false }) !== pyyaml;
  });
  expect(wrong).toEqual([]);
});
