import { join } from 'node:path';
import { isPyMap, NemotronError, type PyMap, type PyValue } from '@nemotron-convert/core';
import { expect, test } from 'vitest';
import { resolveOptions } from '../../packages/convert/src/options.js';
import { prepare } from '../../packages/convert/src/run/prepare.js';
import { FIXTURES, openFixture } from '../support/golden.js';

/** What a value may be instead; undefined is none at all. */
const VALUES: readonly (PyValue | undefined)[] = [undefined, null, 'text', -1n, 0n, 1.5, 10n ** 30n, true, [], ['a'], {}];

/** Every configuration that has another value in one place, at any depth. */
function* variants(config: PyMap): Generator<readonly [change: string, config: PyMap]> {
  for (const [key, own] of Object.entries(config)) {
    for (const value of VALUES) {
      const { [key]: _, ...rest } = config;
      const shown = typeof value === 'bigint' ? `${value}` : JSON.stringify(value);
      yield [`${key}: ${shown}`, value === undefined ? rest : { ...rest, [key]: value }];
    }
    if (!isPyMap(own)) continue;
    for (const [change, inner] of variants(own)) yield [`${key}.${change}`, { ...config, [key]: inner }];
  }
}

test.each([
  ['deepseek-v4-a', '0.7.0'],
  ['ernie-a', '0.7.0'],
  ['gemma4-vl-moe-b', '0.7.0'],
  ['glm-dsa-a', '0.7.0'],
  ['mistral3-a', '0.3.1'],
  ['nemotron-h-moe', '0.3.1'],
] as const)('%s: any wrong value in config.json is planned around or named', (name, target) => {
  const source = openFixture(join(FIXTURES, name));
  const options = resolveOptions({ hfModelId: source.dir, megatronPath: '/target', target });
  let refused = 0;
  for (const [change, config] of variants(source.config)) {
    try {
      prepare({ ...source, config }, options, '/target');
    } catch (error) {
      if (!(error instanceof NemotronError)) throw new Error(change, { cause: error });
      expect(error.code, change).not.toBe('INTERNAL');
      refused += 1;
    }
  }
  expect(refused).toBeGreaterThan(50);
});
