import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NemotronError } from '@nemotron-convert/core';
import { afterAll, expect, test } from 'vitest';
import { describeOrigin, loadConfig } from './index.js';

const scratch = mkdtempSync(join(tmpdir(), 'origins-'));
afterAll(() => rmSync(scratch, { recursive: true }));
writeFileSync(join(scratch, 'base.yaml'), '# base\nsize: ${oc.env:SIZE,8}\nkept: 1\n');
writeFileSync(
  join(scratch, 'own.yaml'),
  'defaults: base\nnested:\n  list: [a, "${size}-${oc.env:MODE,x}"]\n',
);
const load = (dotlist: readonly string[], env = {}) => loadConfig('own.yaml', { cwd: scratch, dotlist, env });

test('every value knows the line, override and variables that it comes from', () => {
  const { origins } = load(['kept=2', 'more.x=3'], { MODE: 'fast' });
  const describe = (key: string) => {
    const found = origins.get(key);
    return {
      at: found?.origin && describeOrigin(found.origin),
      variables: Object.fromEntries(found?.variables ?? []),
    };
  };
  expect(describe('size')).toEqual({ at: 'base.yaml:2:7', variables: { SIZE: false } });
  expect(describe('kept')).toEqual({ at: 'override 1: kept=2', variables: {} });
  expect(describe('more.x')).toEqual({ at: 'override 2: more.x=3', variables: {} });
  expect(describe('nested.list[1]')).toEqual({
    at: 'own.yaml:3:13',
    variables: { SIZE: false, MODE: true },
  });
});

test('an error shows the place', () => {
  const failing = () => {
    try {
      return load(['nested.bad=${nested.none}']).config;
    } catch (error) {
      return error;
    }
  };
  const error = failing() as NemotronError;
  expect(error).toBeInstanceOf(NemotronError);
  expect(error.message).toBe("Interpolation key 'nested.none' not found, in the value of nested.bad");
  expect(error.facts.at).toBe('override 1: nested.bad=${nested.none}');

  writeFileSync(join(scratch, 'broken.yaml'), 'a: 1\nb: [1, 2\nc: 3\n');
  expect(() => loadConfig('broken.yaml', { cwd: scratch })).toThrow(
    expect.objectContaining({
      facts: expect.objectContaining({ frame: expect.stringContaining('> 3 | c: 3') }) as unknown,
    }) as Error,
  );
});
