import type { Family, MappingRow } from '../family.js';
import {
  attentionLayerRows,
  denseLayerRows,
  type MixtureNames,
  mixtureLayerRows,
  queryKeyNormLayerRows,
} from '../layer-rows.js';
import { BFLOAT16, DECODER_BLOCK_SPEC, denseFirst, sharedWidth } from '../provider-values.js';
import { endRows, ROTARY_BUFFERS } from '../rows.js';

const PREDICTED = 'model.layers.{*+layers}';

function layer(to: string, from: string): readonly MappingRow[] {
  const names: MixtureNames = {
    router: 'router.gate',
    bias: `${from}.mlp.expert_bias`,
    shared: 'shared_mlp',
  };
  return [
    ...attentionLayerRows(to, from),
    ...queryKeyNormLayerRows(to, from),
    ...denseLayerRows(to, from),
    ...mixtureLayerRows(to, from, names),
  ];
}

export const hunyuanV3: Family = {
  architectures: ['HYV3ForCausalLM'],
  example: 'tencent/Hy3-preview',
  defaults: {
    vocab_size: 120832n,
    hidden_size: 4096n,
    intermediate_size: 13312n,
    num_hidden_layers: 80n,
    num_attention_heads: 64n,
    num_key_value_heads: 8n,
    head_dim: 128n,
    hidden_act: 'silu',
    max_position_embeddings: 131072n,
    initializer_range: 0.006,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: false,
    attention_bias: false,
    attention_dropout: 0.0,
    mlp_bias: false,
    num_experts: 192n,
    num_experts_per_tok: 8n,
    num_shared_experts: 1n,
    moe_intermediate_size: 1536n,
    router_scaling_factor: 2.826,
    rope_theta: 11158840.0,
  },
  config: {
    '0.7.0': {
      provider: 'GPTModelProvider',
      set: {
        transformer_layer_spec: DECODER_BLOCK_SPEC,
        normalization: 'RMSNorm',
        gated_linear_unit: true,
        add_bias_linear: false,
        add_qkv_bias: false,
        hidden_dropout: 0.0,
        qk_layernorm: true,
        attention_softmax_in_fp32: false,
        autocast_dtype: BFLOAT16,
        moe_grouped_gemm: true,
        moe_token_dispatcher_type: 'alltoall',
        moe_router_load_balancing_type: 'none',
        moe_router_pre_softmax: false,
        moe_router_score_function: 'sigmoid',
        moe_router_enable_expert_bias: true,
        moe_router_bias_update_rate: 0n,
        moe_router_dtype: 'fp32',
        moe_permute_fusion: true,
        moe_shared_expert_overlap: false,
        moe_aux_loss_coeff: 0.0,
      },
      derive: (hf) => ({
        moe_router_topk_scaling_factor: hf.number('router_scaling_factor'),
        moe_layer_freq: denseFirst(hf, hf.int('first_k_dense_replace')),
        ...sharedWidth(hf, 'moe_intermediate_size', 'num_shared_experts'),
      }),
    },
  },
  model: 'gpt',
  rows: [
    ...endRows('model'),
    ...layer('decoder.layers.*', 'model.layers.*'),
    ...['enorm', 'hnorm', 'eh_proj', 'final_layernorm'].map(
      (name): MappingRow => [`mtp.layers.*.${name}.weight`, `${PREDICTED}.${name}.weight`],
    ),
    ...layer('mtp.layers.*.transformer_layer', PREDICTED),
  ],
  drops: [ROTARY_BUFFERS],
};
