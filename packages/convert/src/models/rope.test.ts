import { expect, test } from 'vitest';
import { unreadRope } from './rope.js';

const NEW = { rope_parameters: { rope_theta: 500000.0, rope_type: 'llama3', factor: 8.0 } };
const PLAIN = { rotary_base: 10000.0, position_embedding_type: 'rope' };

test.each([
  ['both', NEW, PLAIN, /rope_theta 500000.*rotary_base 10000.*the scaling "llama3"/],
  ['the base', { ...NEW, rope_scaling: NEW.rope_parameters }, PLAIN, /rope_theta 500000/],
  ['the scaling', NEW, { ...PLAIN, rotary_base: 500000n }, /loses the scaling "llama3"/],
])('what 0.3.1 does not read of rope_parameters is told: %s', (_, config, provider, message) => {
  expect(unreadRope(config, provider, '0.3.1')).toMatch(message);
});

test.each([
  ['by 0.7.0', NEW, PLAIN, '0.7.0'],
  ['where the older keys say the same', { ...NEW, rope_scaling: {} }, { rotary_base: 500000.0 }, '0.3.1'],
  ['without a scaling', { rope_parameters: { rope_theta: 1e4, rope_type: 'default' } }, PLAIN, '0.3.1'],
  ['without the map', {}, PLAIN, '0.3.1'],
  ['where a bridge reads it', NEW, { rotary_base: 500000.0, position_embedding_type: 'yarn' }, '0.3.1'],
] as const)('nothing is lost %s', (_, config, provider, target) => {
  expect(unreadRope(config, provider, target)).toBeNull();
});
