import type { Family, MappingRow } from '../family.js';
import { denseFirst, named, sharedWidth } from '../provider-values.js';
import { deepseekV3 } from './deepseek.js';

const AT = 'decoder.layers.*.self_attention';
const FROM = 'model.layers.*.self_attn';

const INDEXER = [
  ['linear_wq_b.weight', 'wq_b.weight'],
  ['linear_wk.weight', 'wk.weight'],
  ['k_norm.weight', 'k_norm.weight'],
  ['k_norm.bias', 'k_norm.bias'],
  ['linear_weights_proj.weight', 'weights_proj.weight'],
] as const;

export const glmMoeDsa: Family = {
  architectures: ['GlmMoeDsaForCausalLM'],
  example: 'zai-org/GLM-5',
  defaults: {
    vocab_size: 154880n,
    hidden_size: 6144n,
    intermediate_size: 12288n,
    moe_intermediate_size: 2048n,
    num_hidden_layers: 78n,
    num_attention_heads: 64n,
    num_key_value_heads: 64n,
    n_shared_experts: 1n,
    n_routed_experts: 256n,
    routed_scaling_factor: 2.5,
    kv_lora_rank: 512n,
    q_lora_rank: 2048n,
    qk_rope_head_dim: 64n,
    v_head_dim: 256n,
    qk_nope_head_dim: 192n,
    n_group: 1n,
    topk_group: 1n,
    num_experts_per_tok: 8n,
    hidden_act: 'silu',
    max_position_embeddings: 202752n,
    initializer_range: 0.02,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: false,
    attention_bias: false,
    attention_dropout: 0.0,
    mlp_bias: false,
    rope_theta: 10000.0,
    index_topk: 2048n,
    index_head_dim: 128n,
    index_n_heads: 32n,
    first_k_dense_replace: 3n,
  },
  config: {
    '0.7.0': {
      provider: 'MLAModelProvider',
      copy: [
        ['index_head_dim', 'dsa_indexer_head_dim'],
        ['index_n_heads', 'dsa_indexer_n_heads'],
        ['index_topk', 'dsa_indexer_topk'],
        ['indexer_rope_interleave', 'dsa_indexer_rope_interleaved'],
        ['index_topk_freq', 'dsa_indexer_topk_freq'],
        ['index_skip_topk_offset', 'dsa_indexer_skip_topk_offset'],
      ],
      set: {
        transformer_layer_spec: named(
          'megatron.core.models.gpt.experimental_attention_variant_module_specs.get_transformer_block_with_experimental_attention_variant_spec',
        ),
        normalization: 'RMSNorm',
        gated_linear_unit: true,
        add_bias_linear: false,
        share_embeddings_and_output_weights: false,
        qk_layernorm: true,
        multi_latent_attention: true,
        mtp_num_layers: null,
        moe_grouped_gemm: true,
        moe_router_pre_softmax: true,
        moe_token_dispatcher_type: 'flex',
        moe_flex_dispatcher_backend: 'hybridep',
        moe_flex_dispatcher_num_sms: 16n,
        moe_permute_fusion_into_hybridep: false,
        moe_hybridep_pad_uneven_dispatch_inputs: true,
        moe_router_load_balancing_type: 'seq_aux_loss',
        moe_shared_expert_overlap: true,
        moe_router_score_function: 'sigmoid',
        moe_router_enable_expert_bias: true,
        moe_router_dtype: 'fp32',
        moe_permute_fusion: true,
        hidden_dropout: 0.0,
        attention_softmax_in_fp32: false,
        make_vocab_size_divisible_by: 1280n,
        rotary_scaling_factor: 1.0,
        mscale: 1.0,
        mscale_all_dim: 1.0,
        cp_comm_type: 'allgather',
        experimental_attention_variant: 'dsa',
        dsa_indexer_rotate_activation: false,
        dsa_indexer_k_norm_epsilon: 1e-6,
        dsa_indexer_loss_coeff: 0.001,
        dsa_indexer_use_sparse_loss: true,
      },
      derive: (hf) => ({
        // The class calls the rotary part its head size.
        kv_channels: hf.get('qk_rope_head_dim'),
        // The class has a num_experts too, which means nothing.
        num_moe_experts: hf.get('n_routed_experts'),
        moe_layer_freq: denseFirst(hf, hf.int('first_k_dense_replace')),
        ...sharedWidth(hf, 'moe_intermediate_size', 'n_shared_experts'),
      }),
    },
  },
  model: 'gpt',
  rows: [
    ...deepseekV3.rows,
    [`${AT}.q_layernorm.weight`, `${FROM}.q_a_layernorm.weight`],
    [`${AT}.kv_layernorm.weight`, `${FROM}.kv_a_layernorm.weight`],
    ...INDEXER.map(
      ([to, from]): MappingRow => [`${AT}.core_attention.indexer.${to}`, `${FROM}.indexer.${from}`],
    ),
  ],
  drops: [
    ...(deepseekV3.drops ?? []),
    {
      tensors: /^model\.layers\.(?<beyond>\d+)\./,
      reason: 'Megatron-Bridge leaves the multi-token prediction layers of this architecture out',
    },
  ],
};
