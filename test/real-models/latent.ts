import {
  bias,
  ends,
  experts,
  float8,
  gated,
  type Latent,
  latent,
  norms,
  type Tensor,
  times,
} from './blocks.js';
import type { RealModel } from './model.js';
import { predicted } from './predicted.js';

interface Deep extends Latent {
  readonly vocab: number;
  readonly width: number;
  readonly narrow: number;
  readonly layers: number;
  readonly first: number;
  readonly count: number;
  readonly shared: number;
  readonly bias: boolean;
}

function deepLayer(i: number, o: Deep): Tensor[] {
  const at = `model.layers.${i}`;
  const mlp = `${at}.mlp`;
  const mixture = [
    ...experts(mlp, o.count, o.hidden, o.narrow),
    ...gated(`${mlp}.shared_experts`, o.hidden, o.narrow * o.shared),
    ...(o.bias ? [bias(`${mlp}.gate.e_score_correction_bias`, o.count)] : []),
  ];
  return [
    ...norms(at, o.hidden),
    ...latent(`${at}.self_attn`, o),
    ...(i < o.first ? gated(mlp, o.hidden, o.width) : mixture),
  ];
}

const deep = (o: Deep): Tensor[] => [...ends(o.vocab, o.hidden), ...times(o.layers, (i) => deepLayer(i, o))];

const FLOAT8 = {
  activation_scheme: 'dynamic',
  fmt: 'e4m3',
  quant_method: 'fp8',
  weight_block_size: [128, 128],
};

const v3 = {
  vocab: 129280,
  hidden: 7168,
  width: 18432,
  narrow: 2048,
  layers: 61,
  first: 3,
  count: 256,
  shared: 1,
  bias: true,
  heads: 128,
  queryRank: 1536,
  rank: 512,
  plain: 128,
  rotary: 64,
  value: 128,
};
const k2 = { ...v3, vocab: 163840, first: 1, count: 384, heads: 64 };
const moonlight = {
  ...v3,
  vocab: 163840,
  hidden: 2048,
  width: 11264,
  narrow: 1408,
  layers: 27,
  first: 1,
  count: 64,
  shared: 2,
  heads: 16,
  queryRank: null,
};
const v2Lite = { ...moonlight, vocab: 102400, width: 10944, bias: false };

const deepConfig = (architecture: string, o: Deep) => ({
  architectures: [architecture],
  hidden_size: o.hidden,
  intermediate_size: o.width,
  moe_intermediate_size: o.narrow,
  num_hidden_layers: o.layers,
  num_attention_heads: o.heads,
  num_key_value_heads: o.heads,
  first_k_dense_replace: o.first,
  n_routed_experts: o.count,
  n_shared_experts: o.shared,
  num_experts_per_tok: 8,
  moe_layer_freq: 1,
  q_lora_rank: o.queryRank,
  kv_lora_rank: o.rank,
  qk_nope_head_dim: o.plain,
  qk_rope_head_dim: o.rotary,
  v_head_dim: o.value,
  vocab_size: o.vocab,
  hidden_act: 'silu',
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  max_position_embeddings: 163840,
  tie_word_embeddings: false,
  attention_bias: false,
  torch_dtype: 'bfloat16',
});

const V3_ROPE = {
  type: 'yarn',
  factor: 40,
  original_max_position_embeddings: 4096,
  beta_fast: 32,
  beta_slow: 1,
  mscale: 1.0,
  mscale_all_dim: 1.0,
};
const KEPT = /embed_tokens|lm_head|norm|gate\.weight|eh_proj|shared_head/;

export const LATENT: readonly RealModel[] = [
  {
    name: 'deepseek-ai/DeepSeek-V3',
    config: {
      ...deepConfig('DeepseekV3ForCausalLM', v3),
      rope_scaling: V3_ROPE,
      n_group: 8,
      topk_group: 4,
      routed_scaling_factor: 2.5,
      scoring_func: 'sigmoid',
      topk_method: 'noaux_tc',
      norm_topk_prob: true,
      num_nextn_predict_layers: 1,
      quantization_config: FLOAT8,
    },
    tensors: () => float8([...deep(v3), ...deepLayer(61, v3), ...predicted(v3)], KEPT),
    parameters: 671_026_419_200,
    target: '0.3.1',
  },
  {
    name: 'moonshotai/Kimi-K2-Instruct',
    config: {
      ...deepConfig('DeepseekV3ForCausalLM', k2),
      rope_scaling: { ...V3_ROPE, factor: 32.0, beta_fast: 1.0 },
      rope_theta: 50000.0,
      n_group: 1,
      topk_group: 1,
      routed_scaling_factor: 2.827,
      scoring_func: 'sigmoid',
      topk_method: 'noaux_tc',
      norm_topk_prob: true,
      num_nextn_predict_layers: 0,
      max_position_embeddings: 131072,
      quantization_config: FLOAT8,
      model_type: 'kimi_k2',
      auto_map: {
        AutoConfig: 'configuration_deepseek.DeepseekV3Config',
        AutoModelForCausalLM: 'modeling_deepseek.DeepseekV3ForCausalLM',
      },
    },
    tensors: () => float8(deep(k2), KEPT),
    parameters: 1_026_408_232_448,
    target: '0.3.1',
  },
  {
    name: 'moonshotai/Moonlight-16B-A3B',
    config: {
      ...deepConfig('DeepseekV3ForCausalLM', moonlight),
      num_experts_per_tok: 6,
      n_group: 1,
      topk_group: 1,
      routed_scaling_factor: 2.446,
      scoring_func: 'sigmoid',
      topk_method: 'noaux_tc',
      norm_topk_prob: true,
      max_position_embeddings: 8192,
      rope_theta: 50000.0,
    },
    tensors: () => deep(moonlight),
    parameters: { billions: 16.0 },
    target: '0.3.1',
  },
  {
    name: 'deepseek-ai/DeepSeek-V2-Lite',
    config: {
      ...deepConfig('DeepseekV2ForCausalLM', v2Lite),
      num_experts_per_tok: 6,
      n_group: 1,
      topk_group: 1,
      routed_scaling_factor: 1.0,
      scoring_func: 'softmax',
      topk_method: 'greedy',
      aux_loss_alpha: 0.001,
      rope_scaling: { ...V3_ROPE, mscale: 1.0, mscale_all_dim: 0.5 },
    },
    tensors: () => deep(v2Lite),
    parameters: 15_706_484_224,
    target: '0.3.1',
  },
];
