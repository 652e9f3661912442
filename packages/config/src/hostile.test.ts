import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NemotronError } from '@nemotron-convert/core';
import { afterAll, describe, expect, test } from 'vitest';
import { type ConfigMap, loadConfig, loadDotlist } from './index.js';

const scratch = mkdtempSync(join(tmpdir(), 'hostile-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const letters = [...'abcdefghijklmnopqrstuvwxyz'];
/** Each key repeats the one before it. */
const doubling = (entry: (name: string, before: string) => string, first: string) =>
  [first, ...letters.slice(1).map((name, index) => entry(name, letters[index] ?? ''))].join('\n');

const HOSTILE: Readonly<Record<string, string | Buffer>> = {
  'ten thousand nested maps': `a: ${'{a: '.repeat(10_000)}1${'}'.repeat(10_000)}`,
  'ten thousand nested lists': '['.repeat(10_000) + ']'.repeat(10_000),
  'a hundred thousand open brackets': '['.repeat(100_000),
  'ten thousand dashes': `${'- '.repeat(10_000)}1`,
  'ten thousand question marks': `${'? '.repeat(10_000)}1`,
  'maps indented a thousand times': Array.from(
    { length: 1_300 },
    (_, depth) => `${' '.repeat(depth)}a:`,
  ).join('\n'),
  'an alias bomb': doubling((name, before) => `${name}: &${name} [*${before}, *${before}]`, 'a: &a [x, x]'),
  'merge keys by the hundred': `a: &a {x: 1}\n${Array.from({ length: 300 }, (_, n) => `m${n}: {<<: [${'*a, '.repeat(40)}]}`).join('\n')}`,
  'an alias inside itself': 'a: &a [1, *a]',
  'interpolated texts that double': doubling(
    (name, before) => `${name}: \${${before}}\${${before}}`,
    'a: xxxxxxxxxx',
  ),
  'interpolated lists that double': doubling(
    (name, before) => `${name}: ['\${${before}}', '\${${before}}']`,
    'a: [1]',
  ),
  'a variable asked for ever more often': doubling(
    (name, before) => `${name}: \${${before}}\${${before}}\${zz}`,
    'a: ${oc.env:X,}',
  ),
  'an interpolation of itself': 'a: ${a}',
  'maps that contain each other': 'a: {x: "${b}"}\nb: {y: "${a}"}',
  'a selection of itself': 'a: ${oc.select:a}',
  'a long chain': `${Array.from({ length: 5_000 }, (_, n) => `k${n}: "\${k${n + 1}}"`).join('\n')}\nk5000: 1`,
  'interpolations opened by the thousand': `a: "${'${'.repeat(20_000)}"`,
  'fifty megabytes': Buffer.alloc(50_000_000, 'a: 1\n'),
  'invalid UTF-8': Buffer.from([0x61, 0x3a, 0x20, 0xe9, 0x0a]),
  'a file of zeros': Buffer.alloc(1_000),
};

describe('a hostile configuration is a clear error within a second', () => {
  for (const [name, content] of Object.entries(HOSTILE)) {
    test(name, () => {
      writeFileSync(join(scratch, 'hostile.yaml'), content);
      const began = process.cpuUsage();
      let error: unknown;
      try {
        void loadConfig('hostile.yaml', { cwd: scratch }).config;
      } catch (caught) {
        error = caught;
      }
      // Processor time: what else the machine does counts for the clock only.
      const { user, system } = process.cpuUsage(began);
      expect((user + system) / 1000).toBeLessThan(1_000);
      expect(error).toBeInstanceOf(NemotronError);
      expect((error as NemotronError).id).toMatch(/^E02/);
      expect((error as NemotronError).message).not.toBe('');
    });
  }
});

test('keys of Object.prototype are keys like any other', () => {
  writeFileSync(
    join(scratch, 'proto.yaml'),
    '__proto__: {polluted: 1}\nconstructor: x\nb: ${__proto__.polluted}\n',
  );
  const config = loadConfig('proto.yaml', { cwd: scratch, dotlist: ['__proto__.more=2', 'a.__proto__.x=3'] })
    .config as ConfigMap;
  expect(config.get('b')).toBe(1n);
  expect(config.get('__proto__')).toEqual(
    new Map([
      ['polluted', 1n],
      ['more', 2n],
    ]),
  );
  expect(loadDotlist(['toString=1']).config).toEqual(new Map([['toString', 1n]]));
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  expect(({} as Record<string, unknown>).x).toBeUndefined();
  expect(() => loadConfig('proto2.yaml', { cwd: scratch })).toThrow('not found');
});
