import { attention, ends, experts, gated, norms, type Tensor, times } from './blocks.js';
import { plain } from './dense.js';
import type { RealModel } from './model.js';

/** Every fourth layer attends; the others are delta nets. All have 512 experts and a gated shared one. */
function qwen3Next(): Tensor[] {
  const hidden = 2048;
  const shape = (name: string, ...extents: number[]): Tensor => [name, extents];
  return [
    ...ends(151936, hidden),
    ...times(48, (i) => {
      const at = `model.layers.${i}`;
      const net = `${at}.linear_attn`;
      const own =
        (i + 1) % 4 === 0
          ? attention(`${at}.self_attn`, {
              hidden,
              heads: 16,
              groups: 2,
              size: 256,
              norms: [256, 256],
              gate: true,
            })
          : [
              shape(`${net}.in_proj_qkvz.weight`, 2 * 2048 + 2 * 4096, hidden),
              shape(`${net}.in_proj_ba.weight`, 64, hidden),
              shape(`${net}.conv1d.weight`, 8192, 1, 4),
              shape(`${net}.dt_bias`, 32),
              shape(`${net}.A_log`, 32),
              shape(`${net}.norm.weight`, 128),
              shape(`${net}.out_proj.weight`, hidden, 4096),
            ];
      return [
        ...norms(at, hidden),
        ...own,
        ...experts(`${at}.mlp`, 512, hidden, 512),
        ...gated(`${at}.mlp.shared_expert`, hidden, 512),
        shape(`${at}.mlp.shared_expert_gate.weight`, 1, hidden),
      ];
    }),
  ];
}

export const DELTA_NET: readonly RealModel[] = [
  {
    name: 'Qwen/Qwen3-Next-80B-A3B-Instruct',
    config: {
      ...plain('Qwen3NextForCausalLM', {
        vocab: 151936,
        hidden: 2048,
        width: 5120,
        layers: 48,
        heads: 16,
        groups: 2,
        size: 256,
      }),
      num_experts: 512,
      num_experts_per_tok: 10,
      moe_intermediate_size: 512,
      shared_expert_intermediate_size: 512,
      linear_num_value_heads: 32,
      linear_num_key_heads: 16,
      linear_key_head_dim: 128,
      linear_value_head_dim: 128,
      linear_conv_kernel_dim: 4,
      full_attention_interval: 4,
      partial_rotary_factor: 0.25,
      max_position_embeddings: 262144,
      rope_theta: 10000000,
      rms_norm_eps: 1e-6,
    },
    tensors: qwen3Next,
    parameters: 79_674_391_296,
    target: '0.3.1',
  },
];
