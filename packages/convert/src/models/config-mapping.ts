import type { Target } from './target.js';

type CopyRow = readonly [hf: string, megatron: string];

const CORE: readonly CopyRow[] = [
  ['num_hidden_layers', 'num_layers'],
  ['hidden_size', 'hidden_size'],
  ['intermediate_size', 'ffn_hidden_size'],
  ['num_attention_heads', 'num_attention_heads'],
  ['num_key_value_heads', 'num_query_groups'],
  ['head_dim', 'kv_channels'],
  ['vocab_size', 'vocab_size'],
  ['max_position_embeddings', 'seq_length'],
  ['rms_norm_eps', 'layernorm_epsilon'],
  ['initializer_range', 'init_method_std'],
  ['attention_dropout', 'attention_dropout'],
  ['hidden_dropout', 'hidden_dropout'],
  ['tie_word_embeddings', 'share_embeddings_and_output_weights'],
  ['attention_bias', 'add_qkv_bias'],
  ['mlp_bias', 'add_bias_linear'],
  ['use_qk_norm', 'qk_layernorm'],
  ['rope_theta', 'rotary_base'],
  ['partial_rotary_factor', 'rotary_percent'],
];

const MOE: readonly CopyRow[] = [
  ['num_experts', 'num_moe_experts'],
  ['num_local_experts', 'num_moe_experts'],
  ['num_experts_per_tok', 'moe_router_topk'],
  ['moe_intermediate_size', 'moe_ffn_hidden_size'],
  ['aux_loss_alpha', 'moe_aux_loss_coeff'],
];

const ROUTER: readonly CopyRow[] = [
  ['scoring_func', 'moe_router_score_function'],
  ['n_routed_experts', 'num_moe_experts'],
  ['n_group', 'moe_router_num_groups'],
  ['topk_group', 'moe_router_group_topk'],
  ['routed_scaling_factor', 'moe_router_topk_scaling_factor'],
];

const MLA: readonly CopyRow[] = [
  ['q_lora_rank', 'q_lora_rank'],
  ['kv_lora_rank', 'kv_lora_rank'],
  ['qk_nope_head_dim', 'qk_head_dim'],
  ['qk_rope_head_dim', 'qk_pos_emb_head_dim'],
  ['v_head_dim', 'v_head_dim'],
  ['num_nextn_predict_layers', 'mtp_num_layers'],
];

/** The config.json fields that every bridge of a version copies (MegatronModelBridge.CONFIG_MAPPING), in its order. */
export const BASE_COPY: Readonly<Record<Target, readonly CopyRow[]>> = {
  '0.3.1': [...CORE, ...MOE, ...ROUTER, ...MLA],
  '0.7.0': [
    ...CORE,
    ...MOE,
    ['router_aux_loss_coef', 'moe_aux_loss_coeff'],
    ...ROUTER,
    ...MLA,
    ['mtp_num_hidden_layers', 'mtp_num_layers'],
  ],
};

/** YaRN keys of `rope_scaling` for GPT providers. */
export const YARN_ROPE: readonly CopyRow[] = [
  ['factor', 'yarn_rotary_scaling_factor'],
  ['original_max_position_embeddings', 'yarn_original_max_position_embeddings'],
  ['beta_fast', 'yarn_beta_fast'],
  ['beta_slow', 'yarn_beta_slow'],
  ['mscale', 'yarn_mscale'],
  ['mscale_all_dim', 'yarn_mscale_all_dim'],
];

/** YaRN keys of `rope_scaling` for multi-latent attention providers. */
export const MLA_ROPE: readonly CopyRow[] = [
  ['factor', 'rotary_scaling_factor'],
  ['original_max_position_embeddings', 'original_max_position_embeddings'],
  ['beta_fast', 'beta_fast'],
  ['beta_slow', 'beta_slow'],
  ['mscale', 'mscale'],
  ['mscale_all_dim', 'mscale_all_dim'],
];
