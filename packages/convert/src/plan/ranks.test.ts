import { NemotronError } from '@nemotron-convert/core';
import { describe, expect, test } from 'vitest';
import { evenStages } from '../models/finalize.js';
import { checkSizes } from './ranks.js';

const MODEL = {
  num_attention_heads: 8n,
  num_query_groups: 2n,
  vocab_size: 64n,
  num_layers: 4n,
  ffn_hidden_size: 37n,
};
const KIND = { hybrid: false, uncut: [] };
const sizes = (tp: number) => ({ tp, pp: 1, ep: 1, etp: 1 });

describe('parallel sizes', () => {
  test('may be a multiple of the query groups, which ranks then share', () => {
    for (const tp of [1, 2, 4, 8]) expect(() => checkSizes(sizes(tp), MODEL, KIND)).not.toThrow();
  });

  test('that share nothing with the query groups are refused with those that fit', () => {
    const uneven = { ...MODEL, num_attention_heads: 12n, num_query_groups: 4n };
    expect(() => checkSizes({ ...sizes(3), pp: 1 }, { ...uneven, vocab_size: 66n }, KIND)).toThrow(
      NemotronError,
    );
    expect(() => checkSizes(sizes(3), { ...uneven, vocab_size: 66n }, KIND)).toThrow(
      /tp=3 does not divide 4 query groups/,
    );
  });

  test('are one where the Bridge has the model at one only', () => {
    expect(() => checkSizes({ ...sizes(1), pp: 2 }, MODEL, { hybrid: true, uncut: ['pp'] })).toThrow(/pp=1/);
    expect(() => checkSizes(sizes(2), MODEL, { hybrid: true, uncut: ['pp'] })).not.toThrow();
  });

  test('keep a hybrid model with tied embeddings and prediction layers on one stage', () => {
    const model = { ...MODEL, share_embeddings_and_output_weights: true, mtp_hybrid_override_pattern: 'E' };
    expect(() => checkSizes({ ...sizes(1), pp: 2 }, model, KIND)).toThrow(/several stages/);
    expect(() => checkSizes(sizes(1), model, KIND)).not.toThrow();
  });

  test('leave all layers that are routed by token on the first stage', () => {
    const model = { ...MODEL, num_layers: 5n, moe_n_hash_layers: 3n, pipeline_model_parallel_layout: [] };
    const layout = (pp: number) => evenStages(5, pp).map((count) => Array<string>(count).fill('decoder'));
    const at = (pp: number) => () =>
      checkSizes({ ...sizes(1), pp }, { ...model, pipeline_model_parallel_layout: layout(pp) }, KIND);
    for (const pp of [1, 2]) expect(at(pp)).not.toThrow();
    expect(at(3)).toThrow(expect.objectContaining({ code: 'PARALLEL_SIZE', hint: 'use pp=1,2' }));
  });

  test('cut no experts with biases', () => {
    const model = { ...MODEL, num_moe_experts: 4n, add_bias_linear: true };
    expect(() => checkSizes({ ...sizes(1), etp: 2 }, model, KIND)).toThrow(/biases/);
    expect(() => checkSizes({ ...sizes(1), ep: 2 }, model, KIND)).not.toThrow();
  });
});
