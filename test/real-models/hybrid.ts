import { attention, bias, mamba, type Tensor, times } from './blocks.js';
import type { RealModel } from './model.js';

interface Nemotron {
  readonly hidden: number;
  readonly pattern: string;
  readonly mambaHeads: number;
  readonly count: number;
  readonly narrow: number;
  readonly shared: number;
  readonly latent: number | null;
}

function nemotronLayer(at: string, kind: string, o: Nemotron): Tensor[] {
  const { hidden, latent: inner } = o;
  const mixer = `${at}.mixer`;
  const linear = (name: string, rows: number, columns: number): Tensor => [
    `${mixer}.${name}.weight`,
    [rows, columns],
  ];
  const wide = inner ?? hidden;
  const kinds: Record<string, () => Tensor[]> = {
    M: () => mamba(mixer, { hidden, heads: o.mambaHeads, size: 64, groups: 8, state: 128, kernel: 4 }),
    '*': () => attention(mixer, { hidden, heads: 32, groups: 2, size: 128 }),
    E: () => [
      linear('gate', o.count, hidden),
      bias(`${mixer}.gate.e_score_correction_bias`, o.count),
      ...times(o.count, (e) => [
        linear(`experts.${e}.up_proj`, o.narrow, wide),
        linear(`experts.${e}.down_proj`, wide, o.narrow),
      ]),
      linear('shared_experts.up_proj', o.shared, hidden),
      linear('shared_experts.down_proj', hidden, o.shared),
      ...(inner === null
        ? []
        : [linear('fc1_latent_proj', inner, hidden), linear('fc2_latent_proj', hidden, inner)]),
    ],
  };
  return [[`${at}.norm.weight`, [hidden]], ...(kinds[kind]?.() ?? [])];
}

function nemotron(o: Nemotron): Tensor[] {
  return [
    ['backbone.embeddings.weight', [131072, o.hidden]],
    ['backbone.norm_f.weight', [o.hidden]],
    ['lm_head.weight', [131072, o.hidden]],
    ...times(o.pattern.length, (i) => nemotronLayer(`backbone.layers.${i}`, o.pattern[i] ?? '', o)),
  ];
}

const nemotronConfig = (o: Nemotron) => ({
  architectures: ['NemotronHForCausalLM'],
  hidden_size: o.hidden,
  intermediate_size: o.narrow,
  num_hidden_layers: o.pattern.length,
  hybrid_override_pattern: o.pattern,
  mamba_num_heads: o.mambaHeads,
  mamba_head_dim: 64,
  n_groups: 8,
  ssm_state_size: 128,
  conv_kernel: 4,
  num_attention_heads: 32,
  num_key_value_heads: 2,
  head_dim: 128,
  n_routed_experts: o.count,
  n_shared_experts: 1,
  num_experts_per_tok: 6,
  n_group: 1,
  topk_group: 1,
  moe_intermediate_size: o.narrow,
  moe_shared_expert_intermediate_size: o.shared,
  ...(o.latent === null ? {} : { moe_latent_size: o.latent }),
  routed_scaling_factor: 2.5,
  norm_topk_prob: true,
  vocab_size: 131072,
  max_position_embeddings: 262144,
  mlp_hidden_act: 'relu2',
  layer_norm_epsilon: 1e-5,
  tie_word_embeddings: false,
  torch_dtype: 'bfloat16',
});

const nano = {
  hidden: 2688,
  pattern: 'MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME',
  mambaHeads: 64,
  count: 128,
  narrow: 1856,
  shared: 3712,
  latent: null,
};
const superHybrid = {
  hidden: 4096,
  pattern: 'MEMEMEM*EMEMEMEM*EMEMEMEM*EMEMEMEMEM*EMEMEMEMEM*EMEMEMEMEM*EMEMEMEMEM*EMEMEMEM*EMEMEMEME',
  mambaHeads: 128,
  count: 512,
  narrow: 2688,
  shared: 5376,
  latent: 1024,
};

export const HYBRID: readonly RealModel[] = [
  {
    name: 'nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16',
    config: nemotronConfig(nano),
    tensors: () => nemotron(nano),
    parameters: 31_577_937_344,
    target: '0.3.1',
  },
  {
    name: 'nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-BF16',
    config: nemotronConfig(superHybrid),
    tensors: () => nemotron(superHybrid),
    parameters: { billions: 120.7 },
    target: '0.7.0',
  },
];
