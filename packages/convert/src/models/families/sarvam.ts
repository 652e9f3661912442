import type { Family } from '../family.js';
import { DECODER_BLOCK_SPEC, denseFirst, sharedWidth } from '../provider-values.js';
import { ROTARY_BUFFERS } from '../rows.js';
import { bailingMoeV2 } from './bailing.js';

export const sarvamMoe: Family = {
  architectures: ['SarvamMoEForCausalLM'],
  example: 'sarvamai/sarvam-30b',
  defaults: {},
  config: {
    '0.7.0': {
      provider: 'SarvamMoEModelProvider',
      copyOnly: true,
      copy: [
        ['num_hidden_layers', 'num_layers'],
        ['hidden_size', 'hidden_size'],
        ['intermediate_size', 'ffn_hidden_size'],
        ['moe_intermediate_size', 'moe_ffn_hidden_size'],
        ['num_attention_heads', 'num_attention_heads'],
        ['num_experts', 'num_moe_experts'],
        ['num_experts_per_tok', 'moe_router_topk'],
        ['vocab_size', 'vocab_size'],
        ['max_position_embeddings', 'seq_length'],
        ['rope_theta', 'rotary_base'],
        ['num_key_value_heads', 'num_query_groups'],
        ['head_dim', 'kv_channels'],
      ],
      set: { transformer_layer_spec: { ...DECODER_BLOCK_SPEC, normalization: 'RMSNorm', vp_stage: null } },
      derive: (hf) => ({
        moe_layer_freq: denseFirst(hf, hf.int('first_k_dense_replace')),
        ...sharedWidth(hf, 'moe_intermediate_size', 'num_shared_experts'),
      }),
    },
  },
  model: 'gpt',
  rows: bailingMoeV2.rows,
  drops: [ROTARY_BUFFERS],
};
