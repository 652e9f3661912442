import { expect, it } from 'vitest';
import { isSideFile } from '../../source/side-files.js';
import { shardBySize, shardLike } from './shards.js';

const tensor = (name: string, elements: number) => ({ name, dtype: 'bfloat16', shape: [elements] });

it('divides by size, and gives what is too large a file of its own', () => {
  const { fileOf, index } = shardBySize(
    [tensor('a', 30), tensor('b', 20), tensor('c', 200), tensor('d', 1)],
    100,
  );
  expect([...fileOf]).toEqual([
    ['a', 'model-00001-of-00003.safetensors'],
    ['b', 'model-00001-of-00003.safetensors'],
    ['c', 'model-00002-of-00003.safetensors'],
    ['d', 'model-00003-of-00003.safetensors'],
  ]);
  expect(JSON.parse(index ?? '')).toEqual({
    metadata: { total_size: 502 },
    weight_map: Object.fromEntries(fileOf),
  });
  expect(shardBySize([tensor('a', 50)], 100)).toEqual({
    fileOf: new Map([['a', 'model.safetensors']]),
    index: null,
  });
});

it('divides as another checkpoint is divided, in its order', () => {
  const fileOf = new Map([
    ['b', 'model-00002-of-00002.safetensors'],
    ['gone', 'model-00001-of-00002.safetensors'],
    ['a', 'model-00001-of-00002.safetensors'],
  ]);
  const pattern = { fileOf, indexMetadata: { total_parameters: 7, total_size: 1 } };
  const outputs = [tensor('a', 3), tensor('b', 2), tensor('new', 1), tensor('a_more', 1)];
  const shards = shardLike(outputs, pattern, (name) => (name === 'a_more' ? 'a' : undefined));
  expect(JSON.parse(shards.index ?? '')).toEqual({
    metadata: { total_parameters: 7, total_size: 14 },
    weight_map: {
      b: 'model-00002-of-00002.safetensors',
      a: 'model-00001-of-00002.safetensors',
      new: 'model-00002-of-00002.safetensors',
      a_more: 'model-00001-of-00002.safetensors',
    },
  });
  expect(shards.index?.indexOf('"b"')).toBeLessThan(shards.index?.indexOf('"a"') ?? 0);
});

it('knows the files that describe a model', () => {
  const kept = ['chat_template.jinja', 'config.json', 'merges.txt', 'modeling_x.py', 'tokenizer.model'];
  const left = [
    'README.md',
    'adapter_config.json',
    'model.safetensors',
    'model.safetensors.index.json',
    'pytorch_model.bin',
  ];
  expect([...kept, ...left].filter(isSideFile)).toEqual(kept);
});
