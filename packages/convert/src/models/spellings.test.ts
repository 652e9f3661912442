import { expect, test } from 'vitest';
import type { SourceTensor } from '../source/tensor.js';
import { LANGUAGE_SPELLINGS, respelled } from './spellings.js';

const tensor = (name: string): [string, SourceTensor] => [
  name,
  { name, dtype: 'BF16', shape: [1], begin: 0, end: 2, file: 0 },
];

test('gives a language model out of a larger one the names of the plain one', () => {
  const found = respelled(
    new Map([
      tensor('model.language_model.layers.0.mlp.up_proj.weight'),
      tensor('language_model.model.norm.weight'),
      tensor('language_model.lm_head.weight'),
      tensor('visual.patch_embed.weight'),
    ]),
    LANGUAGE_SPELLINGS,
  );
  expect([...found.keys()]).toEqual([
    'model.layers.0.mlp.up_proj.weight',
    'model.norm.weight',
    'lm_head.weight',
    'visual.patch_embed.weight',
  ]);
  expect(found.get('model.norm.weight')?.name).toBe('model.norm.weight');
});

test('keeps a name whose canonical one is taken', () => {
  const found = respelled(
    new Map([tensor('model.norm.weight'), tensor('model.language_model.norm.weight')]),
    LANGUAGE_SPELLINGS,
  );
  expect([...found.keys()]).toEqual(['model.norm.weight', 'model.language_model.norm.weight']);
});

test('applies spellings one after the other', () => {
  const backbone = [
    ['model.', 'backbone.'],
    ['backbone.embedding.', 'backbone.embeddings.'],
  ] as const;
  expect([...respelled(new Map([tensor('model.embedding.weight')]), backbone).keys()]).toEqual([
    'backbone.embeddings.weight',
  ]);
});
