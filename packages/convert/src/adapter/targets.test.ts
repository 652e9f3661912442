import { describe, expect, test } from 'vitest';
import { isTarget, ModulePatterns, type TargetRule } from './targets.js';

const NOTHING: TargetRule = { modules: [], excluded: [], saved: [], layers: null, layersPattern: [] };
const QUERY = 'model.layers.11.self_attn.q_proj';
const EXPERT = 'model.layers.1.mlp.experts.0.gate_proj';

describe('which modules a configuration names', () => {
  const rows: readonly (readonly [
    name: string,
    rule: Partial<TargetRule>,
    module: string,
    expected: boolean,
  ])[] = [
    ['an ending', { modules: ['q_proj'] }, QUERY, true],
    ['an ending of several parts', { modules: ['self_attn.q_proj'] }, QUERY, true],
    ['no ending inside a name', { modules: ['proj'] }, QUERY, false],
    ['a whole name', { modules: [QUERY] }, QUERY, true],
    ['an expression for the whole name', { modules: String.raw`.*\.(q|k)_proj` }, QUERY, true],
    ['no expression for a part of it', { modules: 'model' }, QUERY, false],
    ['alternatives as one expression', { modules: 'lm_head|.*q_proj' }, QUERY, true],
    ['an expression of Python alone counts as named', { modules: '(?i)Q_PROJ' }, QUERY, true],
    ['all linear layers', { modules: 'all-linear' }, QUERY, true],
    ['excluded by its ending', { modules: ['q_proj'], excluded: ['self_attn.q_proj'] }, QUERY, false],
    ['excluded by an expression', { modules: ['q_proj'], excluded: String.raw`.*\.11\..*` }, QUERY, false],
    ['trained whole', { modules: ['lm_head'], saved: ['lm_head'] }, 'lm_head', false],
    ['inside one trained whole', { modules: ['q_proj'], saved: ['self_attn'] }, QUERY, false],
    ['a layer of the list', { modules: ['q_proj'], layers: [11] }, QUERY, true],
    ['a layer not of the list', { modules: ['q_proj'], layers: [1, 12] }, QUERY, false],
    ['an empty list of layers', { modules: ['q_proj'], layers: [] }, QUERY, true],
    ['the layer, not the expert', { modules: ['gate_proj'], layers: [0] }, EXPERT, false],
    [
      'a layer after a pattern',
      { modules: ['gate_proj'], layers: [0], layersPattern: ['experts'] },
      EXPERT,
      true,
    ],
    ['a whole name of another layer', { modules: [QUERY], layers: [3] }, QUERY, true],
  ];
  test.each(rows)('%s', (_, rule, module, expected) => {
    expect(isTarget({ ...NOTHING, ...rule }, module)).toBe(expected);
  });
});

test('the first pattern that fits the end of a name counts', () => {
  const fail = (source: string): never => {
    throw new Error(source);
  };
  const patterns = new ModulePatterns(
    [
      [String.raw`layers\.1\.self_attn\.q_proj`, 3],
      ['q_proj', 5],
      [String.raw`^model\.layers\.\d+\.mlp\.up_proj`, 7],
    ],
    fail,
  );
  expect(patterns.find('model.layers.1.self_attn.q_proj')).toBe(3);
  expect(patterns.find(QUERY)).toBe(5);
  expect(patterns.find('model.layers.4.mlp.up_proj')).toBe(7);
  expect(patterns.find('model.layers.4.mlp.other_up_proj')).toBeUndefined();
  expect(() => new ModulePatterns([['(', 1]], fail)).toThrow('(');
});
