import { attention, bias, ends, experts, gated, norms, type Tensor, times } from './blocks.js';
import { type Dense, mistral as mixtral, plain } from './dense.js';
import type { RealModel } from './model.js';
import { predicted } from './predicted.js';

const qwen235 = { vocab: 151936, hidden: 4096, width: 12288, layers: 94, heads: 64, groups: 4, size: 128 };

function qwen3Moe(o: Dense, count: number, narrow: number): Tensor[] {
  return [
    ...ends(o.vocab, o.hidden),
    ...times(o.layers, (i) => {
      const at = `model.layers.${i}`;
      return [
        ...norms(at, o.hidden),
        ...attention(`${at}.self_attn`, { ...o, norms: [o.size, o.size] }),
        ...experts(`${at}.mlp`, count, o.hidden, narrow),
      ];
    }),
  ];
}

/** Four-bit experts of GPT-OSS, its biases and its sinks. */
function gptOss(layers: number, count: number): Tensor[] {
  const [hidden, vocab, heads, groups, size] = [2880, 201088, 64, 8, 64];
  return [
    ...ends(vocab, hidden),
    ...times(layers, (i) => {
      const at = `model.layers.${i}`;
      const groupsOf32 = hidden / 32;
      return [
        ...norms(at, hidden),
        ...attention(`${at}.self_attn`, { hidden, heads, groups, size, bias: true }),
        [`${at}.self_attn.o_proj.bias`, [hidden]],
        [`${at}.self_attn.sinks`, [heads]],
        [`${at}.mlp.router.weight`, [count, hidden]],
        [`${at}.mlp.router.bias`, [count]],
        [`${at}.mlp.experts.gate_up_proj_blocks`, [count, 2 * hidden, groupsOf32, 16], 'U8'],
        [`${at}.mlp.experts.gate_up_proj_scales`, [count, 2 * hidden, groupsOf32], 'U8'],
        [`${at}.mlp.experts.gate_up_proj_bias`, [count, 2 * hidden]],
        [`${at}.mlp.experts.down_proj_blocks`, [count, hidden, groupsOf32, 16], 'U8'],
        [`${at}.mlp.experts.down_proj_scales`, [count, hidden, groupsOf32], 'U8'],
        [`${at}.mlp.experts.down_proj_bias`, [count, hidden]],
      ] satisfies Tensor[];
    }),
  ];
}

const glm = { vocab: 151552, hidden: 5120, width: 12288, layers: 92, heads: 96, groups: 8, size: 128 };

function glmLayer(i: number): Tensor[] {
  const at = `model.layers.${i}`;
  const mixture = [
    ...experts(`${at}.mlp`, 160, glm.hidden, 1536),
    bias(`${at}.mlp.gate.e_score_correction_bias`, 160),
    ...gated(`${at}.mlp.shared_experts`, glm.hidden, 1536),
  ];
  return [
    ...norms(at, glm.hidden),
    ...attention(`${at}.self_attn`, { ...glm, bias: true, norms: [glm.size, glm.size] }),
    ...(i < 3 ? gated(`${at}.mlp`, glm.hidden, glm.width) : mixture),
  ];
}

export const MIXTURES: readonly RealModel[] = [
  {
    name: 'Qwen/Qwen3-235B-A22B',
    config: {
      ...plain('Qwen3MoeForCausalLM', qwen235),
      num_experts: 128,
      num_experts_per_tok: 8,
      moe_intermediate_size: 1536,
      max_position_embeddings: 40960,
      rope_theta: 1000000.0,
      rms_norm_eps: 1e-6,
    },
    tensors: () => qwen3Moe(qwen235, 128, 1536),
    parameters: 235_093_634_560,
    target: '0.3.1',
  },
  {
    name: 'mistralai/Mixtral-8x7B-v0.1',
    config: {
      ...plain('MixtralForCausalLM', mixtral),
      num_local_experts: 8,
      num_experts_per_tok: 2,
      max_position_embeddings: 32768,
      rope_theta: 1000000.0,
      rms_norm_eps: 1e-5,
    },
    tensors: () => [
      ...ends(mixtral.vocab, mixtral.hidden),
      ...times(mixtral.layers, (i) => {
        const at = `model.layers.${i}`;
        const moe = `${at}.block_sparse_moe`;
        return [
          ...norms(at, mixtral.hidden),
          ...attention(`${at}.self_attn`, mixtral),
          [`${moe}.gate.weight`, [8, mixtral.hidden]],
          ...times(8, (e) => [
            [`${moe}.experts.${e}.w1.weight`, [mixtral.width, mixtral.hidden]],
            [`${moe}.experts.${e}.w2.weight`, [mixtral.hidden, mixtral.width]],
            [`${moe}.experts.${e}.w3.weight`, [mixtral.width, mixtral.hidden]],
          ]),
        ] satisfies Tensor[];
      }),
    ],
    parameters: 46_702_792_704,
    target: '0.3.1',
  },
  {
    name: 'allenai/OLMoE-1B-7B-0924',
    config: {
      ...plain('OlmoeForCausalLM', {
        vocab: 50304,
        hidden: 2048,
        width: 1024,
        layers: 16,
        heads: 16,
        groups: 16,
      }),
      num_experts: 64,
      num_experts_per_tok: 8,
      max_position_embeddings: 4096,
      rope_theta: 10000.0,
    },
    tensors: () => [
      ...ends(50304, 2048),
      ...times(16, (i) => {
        const at = `model.layers.${i}`;
        return [
          ...norms(at, 2048),
          ...attention(`${at}.self_attn`, {
            hidden: 2048,
            heads: 16,
            groups: 16,
            size: 128,
            norms: [2048, 2048],
          }),
          ...experts(`${at}.mlp`, 64, 2048, 1024),
        ];
      }),
    ],
    parameters: 6_919_161_856,
    target: '0.3.1',
  },
  {
    name: 'openai/gpt-oss-120b',
    config: {
      ...plain('GptOssForCausalLM', {
        vocab: 201088,
        hidden: 2880,
        width: 2880,
        layers: 36,
        heads: 64,
        groups: 8,
        size: 64,
      }),
      num_local_experts: 128,
      num_experts_per_tok: 4,
      attention_bias: true,
      sliding_window: 128,
      max_position_embeddings: 131072,
      rope_theta: 150000,
      rms_norm_eps: 1e-5,
      quantization_config: { quant_method: 'mxfp4' },
      rope_scaling: {
        rope_type: 'yarn',
        factor: 32.0,
        beta_fast: 32.0,
        beta_slow: 1.0,
        original_max_position_embeddings: 4096,
        truncate: false,
      },
    },
    tensors: () => gptOss(36, 128),
    parameters: 116_829_156_672,
    target: '0.3.1',
  },
  {
    name: 'zai-org/GLM-4.5',
    config: {
      ...plain('Glm4MoeForCausalLM', glm),
      n_routed_experts: 160,
      n_shared_experts: 1,
      num_experts_per_tok: 8,
      moe_intermediate_size: 1536,
      n_group: 1,
      topk_group: 1,
      first_k_dense_replace: 3,
      routed_scaling_factor: 2.5,
      norm_topk_prob: true,
      attention_bias: true,
      use_qk_norm: true,
      num_nextn_predict_layers: 1,
      partial_rotary_factor: 0.5,
      max_position_embeddings: 131072,
      rope_theta: 1000000,
      rms_norm_eps: 1e-5,
    },
    tensors: () => [
      ...ends(glm.vocab, glm.hidden),
      ...times(glm.layers, glmLayer),
      ...glmLayer(glm.layers),
      ...predicted(glm),
    ],
    parameters: { billions: 352.8 },
    target: '0.3.1',
  },
];
