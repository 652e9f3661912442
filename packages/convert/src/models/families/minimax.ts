import type { Family, MappingRow } from '../family.js';
import { BFLOAT16, named } from '../provider-values.js';
import { attentionRows, blockSparseRows, endRows, queryKeyNormRows, ROTARY_BUFFERS } from '../rows.js';

const rows: readonly MappingRow[] = [
  ...endRows('model'),
  ...attentionRows('model.layers'),
  ...queryKeyNormRows('model.layers'),
  ...blockSparseRows('model.layers'),
];

export const minimaxM2: Family = {
  architectures: ['MiniMaxM2ForCausalLM'],
  example: 'MiniMaxAI/MiniMax-M2',
  defaults: {
    vocab_size: 200064n,
    hidden_size: 3072n,
    intermediate_size: 1536n,
    num_hidden_layers: 62n,
    num_attention_heads: 48n,
    num_key_value_heads: 8n,
    head_dim: 128n,
    hidden_act: 'silu',
    max_position_embeddings: 196608n,
    initializer_range: 0.02,
    rms_norm_eps: 1e-6,
    tie_word_embeddings: false,
    attention_dropout: 0.0,
    num_experts_per_tok: 8n,
    num_local_experts: 256n,
    router_aux_loss_coef: 0.001,
    rope_theta: 5000000.0,
  },
  config: {
    '0.7.0': {
      provider: 'GPTModelProvider',
      set: {
        normalization: 'RMSNorm',
        gated_linear_unit: true,
        position_embedding_type: 'rope',
        add_bias_linear: false,
        add_qkv_bias: false,
        hidden_dropout: 0.0,
        autocast_dtype: BFLOAT16,
        qk_layernorm: true,
        transformer_layer_spec: named(
          'megatron.bridge.models.minimax_m2.minimax_m2_provider.minimax_m2_layer_spec',
        ),
        moe_grouped_gemm: true,
        moe_router_pre_softmax: false,
        moe_router_load_balancing_type: 'aux_loss',
        moe_token_dispatcher_type: 'alltoall',
        moe_permute_fusion: true,
        moe_router_score_function: 'sigmoid',
        moe_router_enable_expert_bias: true,
      },
      derive: (hf) => ({
        moe_aux_loss_coeff: hf.get('router_aux_loss_coef'),
        ...(hf.has('rotary_dim') ? { rotary_percent: hf.int('rotary_dim') / hf.positive('head_dim') } : {}),
      }),
    },
  },
  model: 'gpt',
  rows,
  drops: [ROTARY_BUFFERS],
};
