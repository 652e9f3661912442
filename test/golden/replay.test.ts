import { describe, expect, test } from 'vitest';
import { resolveOptions } from '../../packages/convert/src/options.js';
import { runConfigTree } from '../../packages/convert/src/output/run-config.js';
import { prepare } from '../../packages/convert/src/run/prepare.js';
import { cutPaths, goldens, openFixture, plain, readExpected, type Expected } from '../support/golden.js';
import { replay } from '../support/replay.js';

const sorted = (chunks: readonly unknown[]): string[] => chunks.map((chunk) => JSON.stringify(chunk)).sort();

/** The plan alone, replayed by a naive reader: what TypeScript decides, without the engine. */
describe('plans of the goldens', () => {
  for (const golden of goldens()) {
    test(`${golden.name} ${golden.file}`, () => {
      const expected = readExpected(golden);
      const { fixture, dtype, target, sizes } = golden;
      const options = resolveOptions({ hfModelId: fixture, megatronPath: '/target', dtype, target, ...sizes });
      const prepared = prepare(openFixture(fixture), options, '/target');

      const replayed = replay(prepared.plan);
      expect([...replayed.keys()].sort()).toEqual(Object.keys(expected.tensors).sort());
      for (const [key, tensor] of replayed) {
        const { dtype, shape, chunks, sha256 } = expected.tensors[key] as Expected['tensors'][string];
        const { chunks: written, ...rest } = tensor;
        expect({ key, ...rest, chunks: sorted(written) }).toEqual({ key, dtype, shape, sha256, chunks: sorted(chunks) });
      }

      const objects = prepared.plan.files.flatMap(({ items }) => items).filter((item) => 'object' in item);
      expect(objects.map(({ key }) => key).sort()).toEqual(Object.keys(expected.objects).sort());

      const paths = { hfModelId: '/source', save: '/target' };
      const config = runConfigTree(prepared.provider, prepared, paths, prepared.tokenizerKwargs, true);
      expect(cutPaths(plain(config))).toEqual(cutPaths(expected.run_config));
    });
  }
});
