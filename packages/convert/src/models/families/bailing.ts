import type { Family, MappingRow } from '../family.js';
import { denseLayerRows, mixtureLayerRows } from '../layer-rows.js';
import { DECODER_BLOCK_SPEC, denseFirst } from '../provider-values.js';
import { endRows, ROTARY_BUFFERS } from '../rows.js';

const PREDICTED = 'model.layers.{*+layers}';

function layer(to: string, from: string): readonly MappingRow[] {
  const at = `${from}.attention`;
  return [
    [`${to}.self_attention.linear_qkv.layer_norm_weight`, `${from}.input_layernorm.weight`],
    [`${to}.self_attention.linear_qkv.weight`, { qkvJoined: [`${at}.query_key_value.weight`] }],
    [`${to}.self_attention.linear_proj.weight`, `${at}.dense.weight`],
    [`${to}.self_attention.q_layernorm.weight`, `${at}.query_layernorm.weight`],
    [`${to}.self_attention.k_layernorm.weight`, `${at}.key_layernorm.weight`],
    ...denseLayerRows(to, from),
    ...mixtureLayerRows(to, from, { bias: `${from}.mlp.gate.expert_bias`, shared: 'shared_experts' }),
  ];
}

export const bailingMoeV2: Family = {
  architectures: ['BailingMoeV2ForCausalLM'],
  example: 'inclusionAI/Ling-mini-2.0',
  defaults: {
    vocab_size: 157184n,
    hidden_size: 2048n,
    intermediate_size: 5120n,
    num_hidden_layers: 20n,
    num_attention_heads: 16n,
    num_key_value_heads: 4n,
    hidden_act: 'silu',
    use_qkv_bias: false,
    rms_norm_eps: 1e-6,
    tie_word_embeddings: false,
    attention_dropout: 0.0,
    initializer_range: 0.02,
    max_position_embeddings: 32768n,
    rope_theta: 600000.0,
    num_experts: 256n,
    num_experts_per_tok: 8n,
    n_group: 8n,
    topk_group: 4n,
    moe_intermediate_size: 512n,
    first_k_dense_replace: 1n,
    head_dim: 128n,
    use_qk_norm: true,
    num_nextn_predict_layers: 0n,
    routed_scaling_factor: 1.0,
  },
  config: {
    '0.7.0': {
      provider: 'GPTModelProvider',
      set: {
        transformer_layer_spec: DECODER_BLOCK_SPEC,
        normalization: 'RMSNorm',
        gated_linear_unit: true,
        add_bias_linear: false,
        share_embeddings_and_output_weights: false,
        qk_layernorm: true,
        moe_grouped_gemm: true,
        moe_router_pre_softmax: true,
        moe_router_load_balancing_type: 'none',
        moe_router_score_function: 'sigmoid',
        moe_router_enable_expert_bias: true,
        moe_router_dtype: 'fp32',
        moe_token_dispatcher_type: 'alltoall',
        moe_permute_fusion: true,
        hidden_dropout: 0.0,
      },
      derive: (hf) => ({
        add_qkv_bias: hf.get('use_qkv_bias'),
        moe_layer_freq: denseFirst(hf, hf.int('first_k_dense_replace')),
        moe_shared_expert_intermediate_size: hf.get('moe_intermediate_size'),
      }),
    },
  },
  model: 'gpt',
  rows: [
    ['embedding.word_embeddings.weight', 'model.word_embeddings.weight'],
    ...endRows('model'),
    ...layer('decoder.layers.*', 'model.layers.*'),
    ...['enorm', 'hnorm', 'eh_proj', 'final_layernorm'].map(
      (name): MappingRow => [`mtp.layers.*.${name}.weight`, `${PREDICTED}.${name}.weight`],
    ),
    ...layer('mtp.layers.*.transformer_layer', PREDICTED),
  ],
  drops: [ROTARY_BUFFERS],
};
