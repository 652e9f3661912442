import { isPyMap, type PyMap, type PyValue } from '@nemotron-convert/core';
import { compressionOf, hashRoutedLayers } from '../compressed-layers.js';
import type { DropRule, Family, MappingRow, WholeModel } from '../family.js';
import { HfConfig } from '../hf-config.js';
import type { Fields } from '../provider.js';
import { named, sharedWidth } from '../provider-values.js';

const SET: PyMap = {
  transformer_layer_spec: named(
    'megatron.core.models.gpt.experimental_attention_variant_module_specs.get_transformer_block_with_experimental_attention_variant_spec',
  ),
  experimental_attention_variant: 'dsv4_hybrid',
  hetereogenous_dist_checkpoint: true,
  multi_latent_attention: true,
  qk_layernorm: true,
  normalization: 'RMSNorm',
  add_bias_linear: false,
  gated_linear_unit: true,
  rotary_percent: 1.0,
  apply_rope_fusion: true,
  rope_type: 'yarn',
  mscale: 1.0,
  mscale_all_dim: 1.0,
  apply_dsa_kernel_fusion: false,
  enable_hyper_connections: true,
  use_fused_mhc: false,
  moe_grouped_gemm: true,
  moe_router_pre_softmax: false,
  moe_token_dispatcher_type: 'flex',
  moe_flex_dispatcher_backend: 'hybridep',
  moe_flex_dispatcher_num_sms: 16n,
  moe_permute_fusion_into_hybridep: false,
  moe_hybridep_pad_variable_tokens: true,
  moe_router_load_balancing_type: 'noaux_tc',
  moe_shared_expert_overlap: true,
  moe_router_enable_expert_bias: true,
  moe_router_dtype: 'fp32',
  moe_permute_fusion: true,
  moe_aux_loss_coeff: 0.0,
  gradient_accumulation_fusion: true,
  bias_dropout_fusion: true,
  cross_entropy_fusion_impl: 'te',
  cross_entropy_loss_fusion: true,
  masked_softmax_fusion: true,
  persist_layer_norm: true,
  hidden_dropout: 0.0,
  attention_softmax_in_fp32: false,
  make_vocab_size_divisible_by: 1280n,
  seq_length: 4096n,
};

/** Layers that compress have another base frequency, and YaRN. */
function rotary(hf: HfConfig, whole: HfConfig): Fields {
  const given = hf.map('rope_parameters') ?? {};
  const { main, compress } = given;
  const nested = isPyMap(main ?? null) && isPyMap(compress ?? null);
  const part = (map: PyValue | undefined): HfConfig =>
    new HfConfig(
      map as PyMap,
      `${hf.path}: ${whole.has('rope_scaling') ? 'rope_scaling' : 'rope_parameters'}`,
    );
  const scaling = part(nested ? compress : given);
  const base =
    nested && part(main).has('rope_theta')
      ? part(main)
      : new HfConfig({ rope_theta: 10000.0, ...whole.values }, hf.path);
  return {
    rotary_base: base.number('rope_theta'),
    csa_compress_rotary_base: hf.number('compress_rope_theta'),
    rotary_scaling_factor: scaling.number('factor'),
    original_max_position_embeddings: BigInt(scaling.int('original_max_position_embeddings')),
    beta_fast: scaling.has('beta_fast') ? scaling.number('beta_fast') : 32.0,
    beta_slow: scaling.has('beta_slow') ? scaling.number('beta_slow') : 1.0,
  };
}

function fields(hf: HfConfig, { whole }: WholeModel): Fields {
  const size = hf.positive('head_dim');
  const rotated = hf.has('qk_rope_head_dim') ? hf.int('qk_rope_head_dim') / size : 64 / 512;
  const share = hf.has('partial_rotary_factor') ? hf.fraction('partial_rotary_factor') : rotated;
  const rotatedSize = Math.trunc(size * share);
  return {
    v_head_dim: BigInt(size),
    qk_pos_emb_head_dim: BigInt(rotatedSize),
    qk_head_dim: BigInt(size - rotatedSize),
    kv_lora_rank: BigInt(size - rotatedSize),
    q_lora_rank: hf.get('q_lora_rank'),
    o_groups: hf.get('o_groups'),
    o_lora_rank: hf.get('o_lora_rank'),
    ...rotary(hf, whole),
    csa_compress_ratios: compressionOf(hf),
    csa_window_size: hf.get('sliding_window'),
    dsa_indexer_n_heads: hf.get('index_n_heads'),
    dsa_indexer_head_dim: hf.get('index_head_dim'),
    dsa_indexer_topk: hf.get('index_topk'),
    num_residual_streams: hf.get('hc_mult'),
    mhc_sinkhorn_iterations: hf.get('hc_sinkhorn_iters'),
    moe_n_hash_layers: hashRoutedLayers(hf),
    actual_vocab_size: hf.get('vocab_size'),
    activation_func_clamp_value: hf.get('swiglu_limit'),
    moe_layer_freq: Array.from({ length: hf.int('num_hidden_layers') }, () => 1n),
    // transformers has one attribute for both keys, and intermediate_size is set last.
    moe_ffn_hidden_size: hf.get('intermediate_size'),
    ...sharedWidth(hf, 'intermediate_size', 'n_shared_experts'),
    mtp_num_layers: hf.truthy('num_nextn_predict_layers') ? hf.get('num_nextn_predict_layers') : null,
    share_embeddings_and_output_weights: hf.truthy('tie_word_embeddings'),
  };
}

const COMPRESSOR = [
  ['linear_wkv.weight', 'wkv.weight'],
  ['linear_wgate.weight', 'wgate.weight'],
  ['ape', 'ape'],
  ['norm.weight', 'norm.weight'],
] as const;

const ATTENTION = [
  ['linear_q_down_proj.weight', 'wq_a.weight'],
  ['q_layernorm.weight', 'q_norm.weight'],
  ['linear_q_up_proj.weight', 'wq_b.weight'],
  ['linear_kv_proj.weight', 'wkv.weight'],
  ['kv_layernorm.weight', 'kv_norm.weight'],
  ['linear_o_group_proj', 'wo_a.weight'],
  ['linear_proj.weight', 'wo_b.weight'],
  ['core_attention.attn_sink', 'attn_sink'],
  ...COMPRESSOR.map(([a, b]) => [`core_attention.compressor.${a}`, `compressor.${b}`] as const),
  ['core_attention.indexer.linear_wq_b.weight', 'indexer.wq_b.weight'],
  ...COMPRESSOR.map(
    ([a, b]) => [`core_attention.indexer.compressor.${a}`, `indexer.compressor.${b}`] as const,
  ),
] as const;

/** A layer's connection, whose three scales are parameters of their own. */
function connectionRows(to: string, from: string): readonly MappingRow[] {
  return [
    [`${to}.mapping_proj.weight`, `${from}_fn`],
    [`${to}.bias`, `${from}_base`],
    [`${to}.alpha_pre`, { firstThird: [`${from}_scale`] }],
    [`${to}.alpha_post`, { secondThird: [`${from}_scale`] }],
    [`${to}.alpha_res`, { lastThird: [`${from}_scale`] }],
  ];
}

function layerRows(to: string, from: string): readonly MappingRow[] {
  const gated = (at: string) => ({ gated: [`${at}.w1.weight`, `${at}.w3.weight`] }) as const;
  const mlp = `${from}.ffn`;
  return [
    [`${to}.input_layernorm.weight`, `${from}.attn_norm.weight`],
    [`${to}.pre_mlp_layernorm.weight`, `${from}.ffn_norm.weight`],
    ...ATTENTION.map(([a, b]): MappingRow => [`${to}.self_attention.${a}`, `${from}.attn.${b}`]),
    [
      `${to}.self_attention.core_attention.indexer.linear_weights_proj.weight`,
      {
        oneOf: [
          `${from}.attn.indexer.scorer.weights_proj.weight`,
          `${from}.attn.indexer.weights_proj.weight`,
        ],
      },
    ],
    [`${to}.mlp.router.weight`, `${mlp}.gate.weight`],
    [`${to}.mlp.router.expert_bias`, `${mlp}.gate.bias`],
    [`${to}.mlp.router.tid2eid`, `${mlp}.gate.tid2eid`],
    [`${to}.mlp.experts.linear_fc1.weight*`, gated(`${mlp}.experts.*`)],
    [`${to}.mlp.experts.linear_fc2.weight*`, `${mlp}.experts.*.w2.weight`],
    [`${to}.mlp.shared_experts.linear_fc1.weight`, gated(`${mlp}.shared_experts`)],
    [`${to}.mlp.shared_experts.linear_fc2.weight`, `${mlp}.shared_experts.w2.weight`],
    ...connectionRows(`${to}.self_attention_hyper_connection`, `${from}.hc_attn`),
    ...connectionRows(`${to}.mlp_hyper_connection`, `${from}.hc_ffn`),
  ];
}

const headRows = (to: string, from: string): readonly MappingRow[] =>
  ['hc_head_fn', 'hc_head_base', 'hc_head_scale'].map(
    (name): MappingRow => [`${to}.${name}`, `${from}${name}`],
  );

const rows: readonly MappingRow[] = [
  ['embedding.word_embeddings.weight', 'embed.weight'],
  ['output_layer.weight', 'head.weight'],
  ['decoder.final_layernorm.weight', 'norm.weight'],
  ...headRows('decoder', ''),
  ...layerRows('decoder.layers.*', 'layers.*'),
  ...layerRows('mtp.layers.*.transformer_layer', 'mtp.*'),
  ...['enorm', 'hnorm', 'e_proj', 'h_proj'].map(
    (name): MappingRow => [`mtp.layers.*.${name}.weight`, `mtp.*.${name}.weight`],
  ),
  ['mtp.layers.*.final_layernorm.weight', 'mtp.*.norm.weight'],
  ...headRows('mtp.layers.*', 'mtp.*.'),
];

const drops: readonly DropRule[] = [
  {
    tensors: /^mtp\.(?<depth>\d+)\./,
    reason: 'config.json counts fewer prediction layers (num_nextn_predict_layers)',
  },
  {
    tensors: /^mtp\.\d+\.attn\.(compressor|indexer)\./,
    reason: 'prediction layers attend in their window alone',
  },
  {
    tensors: /^mtp\.\d+\.(?<end>emb\.tok_emb|embed|head)\.weight$/,
    reason: 'multi-token prediction reuses the word embeddings and the output layer',
    repeats: {
      'emb.tok_emb': 'embedding.word_embeddings.weight',
      embed: 'embedding.word_embeddings.weight',
      head: 'output_layer.weight',
    },
  },
];

export const deepseekV4: Family = {
  architectures: ['DeepseekV4ForCausalLM'],
  example: 'deepseek-ai/DeepSeek-V4-Flash',
  defaults: {
    vocab_size: 129280n,
    hidden_size: 4096n,
    moe_intermediate_size: 2048n,
    num_hidden_layers: 43n,
    num_attention_heads: 64n,
    num_key_value_heads: 1n,
    head_dim: 512n,
    q_lora_rank: 1024n,
    num_experts_per_tok: 6n,
    n_routed_experts: 256n,
    n_shared_experts: 1n,
    scoring_func: 'sqrtsoftplus',
    norm_topk_prob: true,
    routed_scaling_factor: 1.5,
    max_position_embeddings: 1048576n,
    rope_theta: 10000.0,
    compress_rope_theta: 160000.0,
    hc_mult: 4n,
    hc_sinkhorn_iters: 20n,
    swiglu_limit: 10.0,
    sliding_window: 128n,
    o_groups: 8n,
    o_lora_rank: 1024n,
    index_n_heads: 64n,
    index_head_dim: 128n,
    index_topk: 512n,
    num_nextn_predict_layers: 1n,
    router_aux_loss_coef: 0.001,
    hidden_act: 'silu',
    initializer_range: 0.02,
    rms_norm_eps: 1e-6,
    tie_word_embeddings: false,
    attention_bias: false,
    mlp_bias: false,
    attention_dropout: 0.0,
  },
  fallbacks: { intermediate_size: 'moe_intermediate_size' },
  config: {
    '0.7.0': {
      provider: 'MLAModelProvider',
      core: 'dev',
      set: SET,
      derive: fields,
      stages: 'even',
      uncut: ['tp'],
    },
  },
  model: 'gpt',
  spellings: [],
  rows,
  drops,
};
