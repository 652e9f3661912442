import { DTYPES, type PyMap, parsePythonJson } from '@nemotron-convert/core';
import { loadPlan } from '@nemotron-convert/native';
import { describe, expect, test } from 'vitest';
import { resolveOptions } from '../../packages/convert/src/options.js';
import { encodePlan } from '../../packages/convert/src/plan/encode.js';
import { prepare } from '../../packages/convert/src/run/prepare.js';
import type { Source } from '../../packages/convert/src/source/open.js';
import type { SourceTensor } from '../../packages/convert/src/source/tensor.js';
import type { Tensor } from './blocks.js';
import type { RealModel } from './model.js';
import { REAL_MODELS } from './models.js';

const BITS = new Map(DTYPES.map((row) => [row.safetensors, row.bits]));

/** A checkpoint in one file that has no data: the headers alone are what a plan is made of. */
function synthesize({ name, config }: RealModel, list: readonly Tensor[]): Source {
  const tensors = new Map<string, SourceTensor>();
  let end = 0;
  for (const [tensor, shape, dtype = 'BF16'] of list) {
    const begin = end;
    end += (shape.reduce((a, b) => a * b, 1) * (BITS.get(dtype) ?? 0)) / 8;
    tensors.set(tensor, { name: tensor, shape, dtype, begin, end, file: 0 });
  }
  return {
    dir: `/${name}`,
    configPath: `/${name}/config.json`,
    config: parsePythonJson(JSON.stringify(config)) as PyMap,
    files: [{ path: `/${name}/model.safetensors`, bytes: end, version: 0 }],
    tensors,
    tokenizer: [],
  };
}

const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

describe('published models', () => {
  for (const model of REAL_MODELS) {
    test(model.name, async () => {
      const list = model.tensors();
      const source = synthesize(model, list);
      const options = resolveOptions({ hfModelId: source.dir, megatronPath: '/target' });
      const { plan, parameters, target, drops } = prepare(source, options, '/target');

      expect(target).toBe(model.target);
      const predicted = plan.keys
        .filter(({ key }) => key.startsWith('mtp.'))
        .reduce((sum, { shape }) => sum + product(shape), 0);
      const biases = plan.keys
        .filter(({ key }) => key.endsWith('.expert_bias'))
        .reduce((sum, { shape }) => sum + product(shape), 0);
      // Cards that count buffers count the routers' biases too.
      const count = parameters - predicted;
      if (typeof model.parameters === 'number') expect([count, count - biases]).toContain(model.parameters);
      else expect(Math.round(count / 1e8) / 10).toBe(model.parameters.billions);

      // Complete: every element of every key lies in one chunk, every source tensor is read or dropped by name.
      const covered = new Map<number, number>();
      for (const { items } of plan.files) {
        for (const item of items) {
          if ('object' in item) continue;
          covered.set(item.key, (covered.get(item.key) ?? 0) + product(plan.forms[item.form]?.sizes ?? []));
        }
      }
      expect(plan.keys.filter(({ shape }, i) => covered.get(i) !== product(shape))).toEqual([]);
      const dropped = drops.reduce((sum, { tensors }) => sum + tensors.length, 0);
      expect(plan.tensors.length + dropped).toBe(list.length);

      // The engine's own check of bounds and overlaps.
      const { files } = await loadPlan(encodePlan(plan));
      expect(files.length).toBeGreaterThan(0);
    });
  }
});

test('DeepSeek-V3 has the tensors of its index', () => {
  const model = REAL_MODELS.find(({ name }) => name === 'deepseek-ai/DeepSeek-V3');
  expect(model?.tensors().length).toBe(91_991);
});
