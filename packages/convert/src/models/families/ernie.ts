import type { Family } from '../family.js';
import { HfConfig } from '../hf-config.js';
import { attentionLayerRows, denseLayerRows, mixtureLayerRows } from '../layer-rows.js';
import type { Fields } from '../provider.js';
import { denseFirst, named } from '../provider-values.js';
import { endRows, ROTARY_BUFFERS } from '../rows.js';

const LAYER = 'decoder.layers.*';
const FROM = 'model.layers.*';
const BIAS = `${FROM}.mlp.moe_statics.e_score_correction_bias`;

/** Multimodal releases list two expert pools; the first is the text's. */
const first = (hf: HfConfig, key: string): number => {
  const value = hf.get(key);
  return Array.isArray(value) ? new HfConfig({ [key]: value[0] ?? null }, hf.path).int(key) : hf.int(key);
};

function experts(hf: HfConfig): Fields {
  const width = first(hf, 'moe_intermediate_size');
  const types = hf.has('mlp_layer_types') ? hf.list('mlp_layer_types') : null;
  return {
    num_moe_experts: BigInt(first(hf, 'moe_num_experts')),
    moe_router_topk: hf.get('moe_k'),
    moe_ffn_hidden_size: BigInt(width),
    moe_shared_expert_intermediate_size: BigInt(width * hf.int('moe_num_shared_experts')),
    moe_aux_loss_coeff: hf.get('router_aux_loss_coef'),
    moe_layer_freq:
      types?.map((type) => (type === 'dense' ? 0n : 1n)) ??
      denseFirst(hf, first(hf, 'moe_layer_start_index')),
  };
}

export const ernie45Moe: Family = {
  architectures: ['Ernie4_5_MoeForCausalLM'],
  example: 'baidu/ERNIE-4.5-21B-A3B-PT',
  defaults: {
    vocab_size: 103424n,
    hidden_size: 2560n,
    intermediate_size: 12288n,
    num_hidden_layers: 28n,
    num_attention_heads: 20n,
    num_key_value_heads: 4n,
    hidden_act: 'silu',
    max_position_embeddings: 131072n,
    initializer_range: 0.02,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: true,
    rope_theta: 500000.0,
    moe_intermediate_size: 1536n,
    moe_k: 6n,
    moe_num_experts: 64n,
    moe_num_shared_experts: 2n,
    moe_layer_start_index: 1n,
    router_aux_loss_coef: 0.001,
  },
  config: {
    '0.7.0': {
      provider: 'GPTModelProvider',
      set: {
        normalization: 'RMSNorm',
        activation_func: named('torch.nn.functional.silu'),
        gated_linear_unit: true,
        add_bias_linear: false,
        add_qkv_bias: false,
        hidden_dropout: 0.0,
        position_embedding_type: 'rope',
        rotary_base: 500000.0,
        rotary_interleaved: true,
        moe_router_load_balancing_type: 'aux_loss',
        transformer_layer_spec: named(
          'megatron.bridge.models.ernie.ernie_45_bridge._ernie45_decoder_block_spec',
        ),
        moe_grouped_gemm: true,
        moe_router_pre_softmax: false,
        moe_router_score_function: 'sigmoid',
        moe_router_enable_expert_bias: true,
        moe_router_dtype: 'fp32',
        moe_token_dispatcher_type: 'alltoall',
        moe_permute_fusion: true,
        mtp_num_layers: null,
      },
      derive: experts,
    },
  },
  model: 'gpt',
  rows: [
    ...endRows('model'),
    ...attentionLayerRows(LAYER, FROM),
    ...denseLayerRows(LAYER, FROM),
    ...mixtureLayerRows(LAYER, FROM, {
      bias: { oneOf: [{ squeezed: [BIAS] }, BIAS] },
      shared: 'shared_experts',
    }),
  ],
  drops: [
    ROTARY_BUFFERS,
    {
      tensors: /^model\.mtp_/,
      reason: 'Megatron-Bridge leaves the multi-token prediction layers of this architecture out',
    },
  ],
};
