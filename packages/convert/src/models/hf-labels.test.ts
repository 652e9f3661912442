import type { PyMap } from '@nemotron-convert/core';
import { expect, test } from 'vitest';
import { hfNested } from './hf-object.js';

const made = { id2label: { 0: 'LABEL_0', 1: 'LABEL_1' }, label2id: { LABEL_0: 0n, LABEL_1: 1n } };
const own = { id2label: { 0: 'cat' }, label2id: { cat: 0n } };

test.each<[string, PyMap, PyMap]>([
  ['no labels are two', {}, made],
  ['null is no label', { id2label: null, label2id: null }, made],
  ['both are kept', own, own],
  ['names alone leave ids unset', { id2label: own.id2label }, { id2label: own.id2label, label2id: null }],
  ['ids alone are forgotten', { label2id: own.label2id }, made],
  ['a count makes both', { num_labels: 1n }, { id2label: { 0: 'LABEL_0' }, label2id: { LABEL_0: 0n } }],
])('%s', (_, given, expected) => {
  for (const target of ['0.3.1', '0.7.0'] as const) {
    const values = hfNested('Qwen3VLVisionConfig', target, given);
    expect(values).toMatchObject(expected);
    expect(values).not.toHaveProperty('num_labels');
  }
});

test('transformers 5 lets a count of labels win over names', () => {
  const given = { ...own, num_labels: 2n };
  expect(hfNested('Qwen3VLVisionConfig', '0.7.0', given)).toMatchObject(made);
  expect(hfNested('Qwen3VLVisionConfig', '0.3.1', given)).toMatchObject(own);
});
