import type { ConfigRules, Family } from '../family.js';
import { attentionRows, blockSparseRows, endRows, ROTARY_BUFFERS } from '../rows.js';

const RULES: ConfigRules = {
  provider: 'GPTModelProvider',
  set: {
    normalization: 'RMSNorm',
    gated_linear_unit: true,
    position_embedding_type: 'rope',
    add_bias_linear: false,
    hidden_dropout: 0.0,
    moe_grouped_gemm: true,
    moe_token_dispatcher_type: 'alltoall',
    moe_permute_fusion: true,
    moe_router_load_balancing_type: 'none',
    moe_router_pre_softmax: true,
    moe_router_score_function: 'softmax',
  },
  derive: (hf) => ({
    moe_aux_loss_coeff: hf.get('router_aux_loss_coef'),
    moe_ffn_hidden_size: hf.get('intermediate_size'),
  }),
};

const LAYERS = 'model.layers';

export const mixtral: Family = {
  architectures: ['MixtralForCausalLM'],
  example: 'mistralai/Mixtral-8x7B-v0.1',
  defaults: {
    vocab_size: 32000n,
    hidden_size: 4096n,
    intermediate_size: 14336n,
    num_hidden_layers: 32n,
    num_attention_heads: 32n,
    num_key_value_heads: 8n,
    hidden_act: 'silu',
    max_position_embeddings: 131072n,
    initializer_range: 0.02,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: false,
    rope_theta: 1000000.0,
    attention_dropout: 0.0,
    num_experts_per_tok: 2n,
    num_local_experts: 8n,
    router_aux_loss_coef: 0.001,
  },
  fallbacks: { num_key_value_heads: 'num_attention_heads' },
  config: { '0.3.1': RULES, '0.7.0': RULES },
  beyondBridge: 'no Megatron-Bridge registers it: the rules follow Megatron-Core’s own Mixtral settings',
  model: 'gpt',
  rows: [...endRows('model'), ...attentionRows(LAYERS), ...blockSparseRows(LAYERS)],
  drops: [ROTARY_BUFFERS],
};
