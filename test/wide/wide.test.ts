import { closeSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspectSafetensors, type TensorInfo } from '@nemotron-convert/native';
import { afterAll, describe, expect, test } from 'vitest';
import { convert, exportHf } from '../../packages/convert/src/index.js';
import { resolveOptions } from '../../packages/convert/src/options.js';
import { runConfigTree } from '../../packages/convert/src/output/run-config.js';
import { prepare } from '../../packages/convert/src/run/prepare.js';
import { cutPaths, goldens, openFixture, plain, readExpected } from '../support/golden.js';
import { madeHollow, madeWhole } from '../support/told-weights.js';
import { expectGolden } from '../support/written.js';

const WIDE = import.meta.dirname;
const WEIGHTS = 'model.safetensors';
const dir = mkdtempSync(join(tmpdir(), 'nemotron-wide-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const GOLDENS = goldens(WIDE, WIDE);
/** All transforms and both targets; `npm run test:goldens` takes all. */
const FEW = ['nemotron-omni-a expected.head.json', 'nemotron-vl-a expected.json'];
const CHOSEN = GOLDENS.filter(
  ({ name, file }) => process.env['GOLDENS'] === 'all' || FEW.includes(`${name} ${file}`),
);

/** Models with an encoder that has one size, too large for a fixture: only headers are needed here. */
describe('plans of models with a large encoder', () => {
  for (const golden of GOLDENS) {
    test(`${golden.name} ${golden.file}`, () => {
      const { dtype, target, sizes } = golden;
      const expected = readExpected(golden);
      const source = madeHollow(golden.fixture, dir);
      const options = resolveOptions({ hfModelId: source, megatronPath: '/target', dtype, target, ...sizes });
      const { plan, provider, core, tokenizerKwargs } = prepare(openFixture(source), options, '/target');
      const shapes = Object.entries(expected.tensors).map(([key, { dtype, shape }]) => ({
        key,
        dtype,
        shape,
      }));
      expect(byKey(plan.keys)).toEqual(byKey(shapes));
      const objects = plan.files.flatMap(({ items }) => items).filter((item) => 'object' in item);
      expect(objects.map(({ key }) => key).sort()).toEqual(Object.keys(expected.objects).sort());
      const paths = { hfModelId: '/source', save: '/target' };
      const config = runConfigTree(provider, { target, core }, paths, tokenizerKwargs, true);
      expect(cutPaths(plain(config))).toEqual(cutPaths(expected.run_config));
      rmSync(source, { recursive: true });
    });
  }
});

/** The same with weights that are made here, there and back again. */
describe('checkpoints of models with a large encoder', () => {
  for (const golden of CHOSEN) {
    test(`${golden.name} ${golden.file}`, async () => {
      const { dtype, target, sizes } = golden;
      const source = madeWhole(golden.fixture, dir);
      const megatronPath = join(dir, 'megatron');
      await convert({ hfModelId: source, megatronPath, dtype, target, ...sizes });
      await expectGolden(megatronPath, golden);

      const hfPath = join(dir, 'hf');
      const report = await exportHf({ megatronPath, hfModelId: source, hfPath });
      expect(report.target).toBe(target);
      const dropped = new Set(report.drops.flatMap(({ tensors }) => tensors));
      const [original, back] = [await weightsOf(source), await weightsOf(hfPath)];
      expect([...back.tensors.keys()].sort()).toEqual(
        [...original.tensors.keys()].filter((name) => !dropped.has(name)).sort(),
      );
      for (const [name, tensor] of back.tensors) {
        const { dtype: kind, shape } = original.tensors.get(name) as TensorInfo;
        expect({ name, dtype: tensor.dtype, shape: tensor.shape }).toEqual({ name, dtype: kind, shape });
        expect(back.read(name).equals(original.read(name)), name).toBe(true);
      }
      for (const { close } of [original, back]) close();
      for (const path of [source, megatronPath, hfPath]) rmSync(path, { recursive: true });
    }, 600_000);
  }
});

const byKey = <T extends { readonly key: string }>(rows: readonly T[]): T[] =>
  [...rows].sort((a, b) => (a.key < b.key ? -1 : 1));

/** The tensors of a source's one file, read one at a time. */
async function weightsOf(path: string) {
  const file = join(path, WEIGHTS);
  const [{ tensors: list } = { tensors: [] }] = await inspectSafetensors([file]);
  const tensors = new Map(list.map((tensor) => [tensor.name, tensor]));
  const fd = openSync(file, 'r');
  const read = (name: string): Buffer => {
    const { begin, end } = tensors.get(name) as TensorInfo;
    const data = Buffer.alloc(end - begin);
    readSync(fd, data, 0, data.length, begin);
    return data;
  };
  return { tensors, read, close: () => closeSync(fd) };
}
