import type { Family, MappingRow } from '../family.js';
import type { HfConfig } from '../hf-config.js';
import { gateAndUp } from '../layer-rows.js';
import type { Fields } from '../provider.js';
import { ROTARY_BUFFERS } from '../rows.js';

const LAYER = 'decoder.layers.*';
const FROM = 'model.layers.*';
const attention = `${FROM}.self_attn`;

const rows: readonly MappingRow[] = [
  ['embedding.word_embeddings.weight', 'model.embed_tokens.weight'],
  ['output_layer.weight', 'lm_head.weight'],
  ['decoder.final_norm.weight', 'model.final_layernorm.weight'],
  [`${LAYER}.norm.weight`, `${FROM}.input_layernorm.weight`],
  ...[
    'in_proj.weight',
    'conv1d.weight',
    'conv1d.bias',
    'A_log',
    'D',
    'dt_bias',
    'norm.weight',
    'out_proj.weight',
  ].map((name): MappingRow => [`${LAYER}.mamba_mixer.${name}`, `${FROM}.mamba.${name}`]),
  [
    `${LAYER}.self_attention.linear_qkv.weight`,
    { qkv: [`${attention}.q_proj.weight`, `${attention}.k_proj.weight`, `${attention}.v_proj.weight`] },
  ],
  [`${LAYER}.self_attention.linear_proj.weight`, `${attention}.o_proj.weight`],
  [`${LAYER}.mlp.linear_fc1.layer_norm_weight`, `${FROM}.pre_ff_layernorm.weight`],
  [`${LAYER}.mlp.linear_fc1.weight`, gateAndUp(`${FROM}.feed_forward`)],
  [`${LAYER}.mlp.linear_fc2.weight`, `${FROM}.feed_forward.down_proj.weight`],
];

/** Where config.json says `auto`, the heads share the Mamba width. */
function headSize(hf: HfConfig): Fields {
  if (hf.get('mamba_d_head') !== 'auto') return {};
  const width = hf.has('mamba_d_ssm')
    ? hf.int('mamba_d_ssm')
    : hf.int('mamba_expand') * hf.int('hidden_size');
  return { mamba_head_dim: BigInt(Math.floor(width / hf.positive('mamba_n_heads'))) };
}

export const falconH1: Family = {
  architectures: ['FalconH1ForCausalLM'],
  example: 'tiiuae/Falcon-H1-7B-Base',
  defaults: {
    vocab_size: 128000n,
    tie_word_embeddings: false,
    hidden_size: 4096n,
    intermediate_size: 14336n,
    num_hidden_layers: 32n,
    num_attention_heads: 32n,
    num_key_value_heads: 8n,
    hidden_act: 'silu',
    initializer_range: 0.02,
    rms_norm_eps: 1e-5,
    max_position_embeddings: 8192n,
    attention_dropout: 0.0,
    attention_bias: false,
    mlp_bias: false,
    rope_theta: 10000.0,
    mamba_d_ssm: 1024n,
    mamba_n_heads: 128n,
    mamba_d_head: 'auto',
    mamba_n_groups: 1n,
    mamba_d_state: 256n,
    mamba_d_conv: 4n,
    mamba_expand: 2n,
    mamba_chunk_size: 256n,
    mamba_conv_bias: true,
    mamba_norm_before_gate: true,
    mamba_rms_norm: false,
    projectors_bias: false,
    lm_head_multiplier: 1.0,
    embedding_multiplier: 1.0,
    key_multiplier: 1.0,
    attention_out_multiplier: 1.0,
    attention_in_multiplier: 1.0,
    ssm_in_multiplier: 1.0,
    ssm_out_multiplier: 1.0,
  },
  fallbacks: { num_key_value_heads: 'num_attention_heads' },
  config: {
    '0.7.0': {
      provider: 'FalconH1ModelProvider',
      copy: [
        ['mamba_d_state', 'mamba_state_dim'],
        ['mamba_d_head', 'mamba_head_dim'],
        ['mamba_n_heads', 'mamba_num_heads'],
        ['mamba_n_groups', 'mamba_num_groups'],
        ['mamba_expand', 'expand'],
        ['mamba_d_conv', 'd_conv'],
        ['mamba_conv_bias', 'conv_bias'],
        ['mamba_chunk_size', 'chunk_size'],
        ['mamba_rms_norm', 'rmsnorm'],
        ['mamba_norm_before_gate', 'norm_before_gate'],
        ['embedding_multiplier', 'embedding_multiplier'],
        ['lm_head_multiplier', 'lm_head_multiplier'],
        ['key_multiplier', 'key_multiplier'],
        ['attention_in_multiplier', 'attention_in_multiplier'],
        ['attention_out_multiplier', 'attention_out_multiplier'],
        ['ssm_in_multiplier', 'ssm_in_multiplier'],
        ['ssm_out_multiplier', 'ssm_out_multiplier'],
      ],
      set: {
        position_embedding_type: 'rope',
        rotary_percent: 1.0,
        normalization: 'RMSNorm',
        gated_linear_unit: true,
        falconh1_ratio: 1.0,
        use_mamba: true,
        use_attention: true,
        use_mlp: true,
        // Its class completes itself before it knows the parallel sizes.
        microbatch_group_size_per_vp_stage: 1n,
      },
      // The Bridge's norms claim to be written by every tensor parallel rank.
      uncut: ['tp'],
      derive: (hf) => ({
        ...headSize(hf),
        add_bias_linear: hf.get('projectors_bias'),
        hidden_dropout: hf.get('hidden_dropout') ?? 0.0,
        rotary_base: BigInt(Math.trunc(hf.number('rope_theta'))),
        mlp_multipliers: hf.get('mlp_multipliers') ?? [1.0, 1.0],
        ssm_multipliers: hf.get('ssm_multipliers') ?? [1.0, 1.0, 1.0, 1.0, 1.0],
      }),
    },
  },
  model: 'parallel',
  rows,
  drops: [ROTARY_BUFFERS],
};
