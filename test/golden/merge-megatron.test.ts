import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { convert, inspect, mergeLora, verify } from '../../packages/convert/src/index.js';
import { readCheckpointTensors } from '../support/checkpoint.js';
import { FIXTURES, GOLDENS } from '../support/golden.js';
import { readTensors, type StoredTensor } from '../support/tensors.js';
import { ulps } from '../support/ulps.js';

const MERGES = join(GOLDENS, 'merge-megatron');
const work = mkdtempSync(join(tmpdir(), 'merge-'));
afterAll(() => rmSync(work, { recursive: true, force: true }));

interface Case {
  readonly base: string;
  /** The recorded elements are those whose number is a multiple of it. */
  readonly every: number;
}

for (const name of readdirSync(MERGES).sort()) {
  const folder = join(MERGES, name);
  const { base, every } = JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8')) as Case;
  describe(name, () => {
    for (const tp of [1, 2]) {
      const checkpoint = join(work, `${name}-${tp}`);
      const output = join(work, `${name}-${tp}-merged`);
      beforeAll(async () => {
        await convert({ hfModelId: join(FIXTURES, base), megatronPath: checkpoint, dtype: 'float32', tp });
      });

      test(`the merge of a base at tp ${tp} equals that of Megatron-Bridge`, async () => {
        const report = await mergeLora({
          loraCheckpoint: join(folder, 'adapter'),
          baseMegatronPath: checkpoint,
          outputMegatronPath: output,
          verify: 'full',
        });
        const expected = readTensors(folder);
        expect(report.changed).toBe(expected.size);
        const merged = await readCheckpointTensors(output);
        const before = await readCheckpointTensors(checkpoint);
        expect([...merged.keys()].sort()).toEqual([...before.keys()].sort());
        for (const [key, tensor] of merged) {
          const recorded = expected.get(key);
          if (recorded === undefined) expect(tensor.bytes.equals(before.get(key)?.bytes ?? Buffer.of()), key).toBe(true);
          else expect(ulps(sampled(tensor, every), recorded), key).toBeLessThanOrEqual(1);
        }
      });

      test(`it is a whole checkpoint of its own, at tp ${tp}`, async () => {
        expect((await verify({ path: output })).faults).toEqual([]);
        expect(await grid(output)).toEqual(await grid(checkpoint));
        const iteration = join(output, 'iter_0000000');
        for (const file of ['run_config.yaml', 'metadata.json', 'tokenizer/tokenizer.json']) {
          expect(existsSync(join(iteration, file)), file).toBe(true);
        }
        expect(readFileSync(join(output, 'latest_checkpointed_iteration.txt'), 'utf8')).toBe('0');
      });
    }
  });
}

test('the export of a merge converts to the merge again, and goes on when only the export is missing', async () => {
  const hfModelId = join(FIXTURES, 'llama');
  const paths = {
    base: join(work, 'base'),
    merged: join(work, 'merged'),
    exported: join(work, 'exported'),
    again: join(work, 'again'),
  };
  await convert({ hfModelId, megatronPath: paths.base });
  const merge = () =>
    mergeLora({
      loraCheckpoint: join(MERGES, 'llama/adapter'),
      baseMegatronPath: paths.base,
      outputMegatronPath: paths.merged,
      outputHfPath: paths.exported,
      exportHfModel: hfModelId,
    });
  expect((await merge()).outputs.map(({ path }) => path)).toEqual([paths.merged, paths.exported]);
  await convert({ hfModelId: paths.exported, megatronPath: paths.again });
  const [again, merged] = await Promise.all([paths.again, paths.merged].map(readCheckpointTensors));
  expect([...(again?.keys() ?? [])].sort()).toEqual([...(merged?.keys() ?? [])].sort());
  for (const [key, { bytes }] of merged ?? []) expect(again?.get(key)?.bytes.equals(bytes), key).toBe(true);

  await expect(merge()).rejects.toMatchObject({ code: 'TARGET_EXISTS' });
  rmSync(paths.exported, { recursive: true });
  expect((await merge()).outputs.map(({ path }) => path)).toEqual([paths.exported]);
});

test('an adapter that does not fit, or cannot be merged, is refused', async () => {
  const base = join(work, 'small');
  await convert({ hfModelId: join(FIXTURES, 'qwen3'), megatronPath: base, dtype: 'float32' });
  const adapter = join(work, 'adapter');
  const config = join(adapter, 'iter_0000005/run_config.yaml');
  const refused = async (change: (text: string) => string) => {
    cpSync(join(MERGES, 'llama/adapter'), adapter, { recursive: true });
    writeFileSync(config, change(readFileSync(config, 'utf8')));
    const merged = mergeLora({
      backend: 'megatron_bridge',
      loraCheckpoint: adapter,
      baseMegatronPath: base,
      outputMegatronPath: join(work, 'refused'),
    });
    return merged.then(
      () => 'merged',
      (error: { code: string }) => error.code,
    );
  };
  expect(await refused((text) => text)).toBe('ADAPTER_TENSOR_SHAPE');
  expect(await refused((text) => text.replace('lora.LoRA', 'dora.DoRA'))).toBe('ADAPTER_UNSUPPORTED');
  expect(await refused(() => 'model: {}')).toBe('ADAPTER_CONFIG_INVALID');
  expect(await refused((text) => `${text}\nalpha: [`)).toBe('ADAPTER_CONFIG_INVALID');
  expect(existsSync(join(work, 'refused'))).toBe(false);
});

/** The tensors with the numbers of their chunks. */
async function grid(path: string) {
  const { tensors } = await inspect(path);
  return [...tensors].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Every element whose number is a multiple. */
function sampled({ dtype, bytes }: StoredTensor, every: number): StoredTensor {
  const count = Math.ceil(bytes.length / 4 / every);
  const parts = Array.from({ length: count }, (_, at) => bytes.subarray(at * every * 4, at * every * 4 + 4));
  return { dtype, shape: [count], bytes: Buffer.concat(parts) };
}
