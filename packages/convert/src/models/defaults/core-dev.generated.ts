// Recorded by test/oracle/record_core_changes.py; do not edit.
import type { CoreChanges } from '../core.js';

export const changes: CoreChanges = {
  providers: {
    MLAModelProvider: { omit: ['batch_invariant_backend', 'enable_mhc_connections', 'expert_gtp_weight_remat_size', 'expert_tensor_parallel_num_weight_shards', 'flash_attention_version', 'gdp_cutedsl_kernel', 'gdp_num_chunk_states_to_recompute', 'gdp_num_householder', 'gtp_remat_opt_in_modules', 'gtp_weight_remat_size', 'mhc_num_residual_streams', 'moe_combine_bwd_dtype', 'moe_dispatch_fwd_dtype', 'moe_hybridep_pad_uneven_dispatch_inputs', 'moe_ncclep_zero_copy', 'moe_router_quantile_balancing_ema', 'moe_use_grouped_tensor', 'mtp_hsm', 'tensor_parallel_num_weight_shards'], fields: { actual_vocab_size: null, apply_dsa_kernel_fusion: null, cp_partition_mode: 'zigzag', create_attention_mask_in_dataloader: true, csa_compress_ratios: null, csa_compress_rotary_base: 40000.0, csa_dense_mode: false, csa_window_size: 128n, cuda_graph_dynamic_microbatches: false, dynamic_context_parallel: false, enable_hyper_connections: false, fallback_to_eager_attn: false, gdn_conv_pad_alignment: null, gdn_pre_gated_delta_rule_fusion: false, head_wise_attn_gate: false, linear_attention_type: null, linear_cp_mode: 'chunkwise', log_moe_overload_factor: false, min_dynamic_context_parallel_size: 1n, moe_hybridep_pad_variable_tokens: false, moe_n_hash_layers: 0n, moe_ncclep_static_shape: false, moe_ncclep_use_symm_mem: false, mrope_interleaved: false, num_residual_streams: 4n, o_groups: 8n, o_lora_rank: 1024n, pad_packed_seq_alignment: null, rotary_base_per_layer: null, sequence_packing_scheduler: null, thd_max_packed_sequences: null, thd_tail_padding_policy: null, use_fused_mhc: false } },
  },
  sections: {
    checkpoint: { omit: ['ckpt_fully_parallel_load_per_rank_objects', 'ckpt_pg_tensors_cache_create', 'ckpt_pg_tensors_cache_path'], fields: {  } },
    optimizer: { omit: ['muon_use_syrk'], fields: { chunked_optimizer_state_offload: false, muon_tp_mode: 'blockwise', offload_optimizer_states: false, optimizer_state_offload_chunk_size_mb: 0n, optimizer_state_offload_fraction: 1.0, use_layer_wise_param_layout: false } },
    tokenizer: { omit: ['use_gigatoken'], fields: {  } },
  },
};
