import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type ConfigMap,
  type ConfigValue,
  merge,
  nodeFrom,
  plain,
  printYaml,
  readYaml,
  resolveTree,
} from './index.js';

/** Any text but U+0085, which PyYAML writes as it is and reads as a line break. */
const text = (maxLength: number) =>
  fc.string({ unit: 'grapheme', maxLength }).map((found) => found.replaceAll('\u0085', ''));
const key = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.constantFrom('yes', '5', '1.5', '', 'a: b', '#', '<<', '=', '~'),
);
const scalar: fc.Arbitrary<ConfigValue> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.bigInt(),
  fc.double(),
  text(200),
  fc.constantFrom(
    'true',
    '010',
    '1e3',
    '1:30',
    '2024-01-01',
    '???',
    'null',
    '0x1F',
    '- a',
    'a b\n\n c',
    'x\n',
    'a\u2028 b',
    '\u2029\n',
  ),
);
const tree: fc.Arbitrary<ConfigMap> = fc.letrec<{ value: ConfigValue; map: ConfigMap }>((tie) => ({
  value: fc.oneof({ depthSize: 'small' }, scalar, fc.array(tie('value'), { maxLength: 4 }), tie('map')),
  map: fc.array(fc.tuple(key, tie('value')), { maxLength: 5 }).map((entries) => new Map(entries)),
})).map;

test('what is printed is read back', () => {
  fc.assert(
    fc.property(tree, (value) => {
      expect(plain(readYaml({ name: 'printed', text: printYaml(value) }))).toEqual(value);
    }),
    { numRuns: 500 },
  );
});

test('resolving does not depend on the order of keys', () => {
  const names = ['a', 'b', 'c', 'd', 'e'] as const;
  // Every key refers to keys before it only, so that there are no loops.
  const config = fc.tuple(
    fc.constantFrom('1', 'x', '${oc.env:V}'),
    ...names
      .slice(1)
      .map((_, index) => fc.constantFrom('y', ...names.slice(0, index + 1).map((name) => `<\${${name}}>`))),
  );
  fc.assert(
    fc.property(
      config,
      fc.shuffledSubarray([...names.keys()], { minLength: names.length }),
      (values, order) => {
        const entries = names.map((name, index) => [name, values[index] ?? ''] as const);
        const shuffled = order.map((index) => entries[index] ?? (['', ''] as const));
        const resolve = (pairs: typeof shuffled) =>
          resolveTree(nodeFrom(new Map(pairs)), { env: { V: 'v' } }).value as ConfigMap;
        const sorted = (map: ConfigMap) => [...map].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
        expect(sorted(resolve(shuffled))).toEqual(sorted(resolve(entries)));
      },
    ),
  );
});

test('merging is associative where a key keeps its kind', () => {
  // A scalar over a map forgets the map, so kinds that change are not associative in OmegaConf either.
  const config: fc.Arbitrary<ConfigMap> = fc.letrec<{ map: ConfigMap }>((tie) => ({
    map: fc
      .record(
        {
          scalar: fc.constantFrom<ConfigValue>(1n, 'x', null, '???'),
          list: fc.array(fc.constantFrom<ConfigValue>(1n, 2n), { maxLength: 2 }),
          map: fc.oneof({ depthSize: 'small' }, fc.constant(new Map()), tie('map')),
          other: fc.constantFrom<ConfigValue>(true, 1.5),
        },
        { requiredKeys: [] },
      )
      .map((record) => new Map(Object.entries(record)) as ConfigMap),
  })).map;
  const join = (a: ConfigMap, b: ConfigMap) => plain(merge(nodeFrom(a), nodeFrom(b), {})) as ConfigMap;
  fc.assert(
    fc.property(config, config, config, (a, b, c) => {
      expect(join(join(a, b), c)).toEqual(join(a, join(b, c)));
    }),
  );
});
