import type { ConfigRules, Family } from '../family.js';
import type { HfConfig } from '../hf-config.js';
import type { Fields } from '../provider.js';
import { DECODER_BLOCK_SPEC, denseFirst, sharedWidth } from '../provider-values.js';
import { endRows, ROTARY_BUFFERS } from '../rows.js';
import { bailingMoeV2 } from './bailing.js';
import { latentLayerRows } from './deepseek.js';

const COPY: NonNullable<ConfigRules['copy']> = [
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
];

const experts = (hf: HfConfig): Fields => ({
  moe_layer_freq: denseFirst(hf, hf.int('first_k_dense_replace')),
  ...sharedWidth(hf, 'moe_intermediate_size', 'num_shared_experts'),
});

/** Its provider's own split of the 19 layers of the published model. */
const STAGES = { 2: [10, 9], 4: [5, 5, 5, 4], 8: [3, 3, 3, 2, 2, 2, 2, 2] };

export const sarvamMoe: Family = {
  architectures: ['SarvamMoEForCausalLM'],
  example: 'sarvamai/sarvam-30b',
  defaults: {},
  config: {
    '0.7.0': {
      provider: 'SarvamMoEModelProvider',
      copyOnly: true,
      copy: [...COPY, ['num_key_value_heads', 'num_query_groups'], ['head_dim', 'kv_channels']],
      set: { transformer_layer_spec: { ...DECODER_BLOCK_SPEC, normalization: 'RMSNorm', vp_stage: null } },
      derive: experts,
      stages: STAGES,
    },
  },
  model: 'gpt',
  rows: bailingMoeV2.rows,
  drops: [ROTARY_BUFFERS],
};

export const sarvamMla: Family = {
  architectures: ['SarvamMLAForCausalLM'],
  example: 'sarvamai/sarvam-105b',
  defaults: {},
  config: {
    '0.7.0': {
      provider: 'SarvamMLAModelProvider',
      copyOnly: true,
      copy: [
        ...COPY,
        ['kv_lora_rank', 'kv_lora_rank'],
        ['qk_nope_head_dim', 'qk_head_dim'],
        ['qk_rope_head_dim', 'qk_pos_emb_head_dim'],
        ['v_head_dim', 'v_head_dim'],
      ],
      derive: (hf) => ({
        ...experts(hf),
        kv_channels: hf.quotient('hidden_size', 'num_attention_heads'),
      }),
    },
  },
  model: 'gpt',
  unverified:
    'Megatron-Bridge 0.7.0 stops at the norm that Megatron-Core 0.20 puts before full-rank queries; it is written as ones, all else as compared with the stack',
  rows: [
    ...endRows('model'),
    ...latentLayerRows('decoder.layers.*', 'model.layers.*'),
    // Megatron-Core norms what full-rank queries come from; the layer's input norm has done that already.
    ['decoder.layers.*.self_attention.linear_q_proj.layer_norm_weight', { ones: [] }],
  ],
  drops: [ROTARY_BUFFERS],
};
