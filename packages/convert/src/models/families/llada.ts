import type { Family, MappingRow } from '../family.js';
import type { HfConfig } from '../hf-config.js';
import { type Fields, vocabDivisor } from '../provider.js';
import { BFLOAT16, named } from '../provider-values.js';

const LAYER = 'decoder.layers.*';
const FROM = 'model.transformer.blocks.*';

const rows: readonly MappingRow[] = [
  ['embedding.word_embeddings.weight', 'model.transformer.wte.weight'],
  ['decoder.final_layernorm.weight', 'model.transformer.ln_f.weight'],
  ['output_layer.weight', 'model.transformer.ff_out.weight'],
  [`${LAYER}.self_attention.linear_qkv.layer_norm_weight`, `${FROM}.attn_norm.weight`],
  [
    `${LAYER}.self_attention.linear_qkv.weight`,
    { qkv: [`${FROM}.q_proj.weight`, `${FROM}.k_proj.weight`, `${FROM}.v_proj.weight`] },
  ],
  [`${LAYER}.self_attention.linear_proj.weight`, `${FROM}.attn_out.weight`],
  [`${LAYER}.mlp.linear_fc1.layer_norm_weight`, `${FROM}.ff_norm.weight`],
  [`${LAYER}.mlp.linear_fc1.weight`, { gated: [`${FROM}.ff_proj.weight`, `${FROM}.up_proj.weight`] }],
  [`${LAYER}.mlp.linear_fc2.weight`, `${FROM}.ff_out.weight`],
];

function sizes(hf: HfConfig): Fields {
  const heads = hf.int('n_heads');
  const hidden = hf.int('d_model');
  const vocab = BigInt(hf.truthy('embedding_size') ? hf.int('embedding_size') : hf.int('vocab_size'));
  return {
    num_query_groups: hf.get('n_kv_heads') ?? BigInt(heads),
    kv_channels: hf.quotient('d_model', 'n_heads'),
    ffn_hidden_size: hf.get('mlp_hidden_size') ?? BigInt(hf.int('mlp_ratio') * hidden),
    vocab_size: vocab,
    make_vocab_size_divisible_by: vocabDivisor(vocab),
    add_qkv_bias: hf.truthy('include_bias') || hf.truthy('include_qkv_bias'),
  };
}

export const llada: Family = {
  architectures: ['LLaDAModelLM'],
  example: 'GSAI-ML/LLaDA-1.5',
  defaults: {},
  config: {
    '0.7.0': {
      provider: 'LLaDA15ModelProvider',
      copyOnly: true,
      copy: [
        ['n_layers', 'num_layers'],
        ['d_model', 'hidden_size'],
        ['n_heads', 'num_attention_heads'],
        ['max_sequence_length', 'seq_length'],
        ['rms_norm_eps', 'layernorm_epsilon'],
        ['rope_theta', 'rotary_base'],
        ['weight_tying', 'share_embeddings_and_output_weights'],
        ['include_bias', 'add_bias_linear'],
        ['attention_layer_norm', 'qk_layernorm'],
        ['residual_dropout', 'hidden_dropout'],
        ['attention_dropout', 'attention_dropout'],
      ],
      set: {
        rotary_percent: 1.0,
        normalization: 'RMSNorm',
        gated_linear_unit: true,
        activation_func: named('torch.nn.functional.silu'),
        autocast_dtype: BFLOAT16,
      },
      derive: sizes,
    },
  },
  model: 'gpt',
  rows,
};
