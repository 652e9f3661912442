import { attention, bias, ends, float8, norms, type Tensor, times } from './blocks.js';
import { plain } from './dense.js';
import type { RealModel } from './model.js';

const miniMax = {
  vocab: 200064,
  hidden: 3072,
  width: 1536,
  layers: 62,
  heads: 48,
  groups: 8,
  size: 128,
};

function miniMaxM2(): Tensor[] {
  const { hidden, width, heads, groups, size } = miniMax;
  return [
    ...ends(miniMax.vocab, hidden),
    ...times(miniMax.layers, (i) => {
      const at = `model.layers.${i}`;
      const moe = `${at}.block_sparse_moe`;
      return [
        ...norms(at, hidden),
        ...attention(`${at}.self_attn`, { ...miniMax, norms: [heads * size, groups * size] }),
        [`${moe}.gate.weight`, [256, hidden]],
        bias(`${moe}.e_score_correction_bias`, 256),
        ...times(256, (e) => [
          [`${moe}.experts.${e}.w1.weight`, [width, hidden]],
          [`${moe}.experts.${e}.w2.weight`, [hidden, width]],
          [`${moe}.experts.${e}.w3.weight`, [width, hidden]],
        ]),
      ] satisfies Tensor[];
    }),
  ];
}

export const MINIMAX: readonly RealModel[] = [
  {
    name: 'MiniMaxAI/MiniMax-M2',
    config: {
      ...plain('MiniMaxM2ForCausalLM', miniMax),
      num_local_experts: 256,
      num_experts_per_tok: 8,
      rotary_dim: 64,
      rope_theta: 5000000,
      rms_norm_eps: 1e-6,
      max_position_embeddings: 196608,
      use_qk_norm: true,
      scoring_func: 'sigmoid',
      quantization_config: { quant_method: 'fp8', fmt: 'float8_e4m3fn', weight_block_size: [128, 128] },
    },
    tensors: () => float8(miniMaxM2(), /embed_tokens|lm_head|norm|gate\.weight/),
    parameters: { billions: 228.7 },
    target: '0.7.0',
  },
];
