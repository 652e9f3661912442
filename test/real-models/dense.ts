import { type Attention, attention, ends, gated, norms, type Tensor, times } from './blocks.js';
import type { RealModel } from './model.js';

export interface Dense extends Attention {
  readonly vocab: number;
  readonly width: number;
  readonly layers: number;
  readonly tied?: boolean;
}

export function dense(o: Dense): Tensor[] {
  return [
    ...ends(o.vocab, o.hidden, o.tied),
    ...times(o.layers, (i) => {
      const at = `model.layers.${i}`;
      return [
        ...norms(at, o.hidden),
        ...attention(`${at}.self_attn`, o),
        ...gated(`${at}.mlp`, o.hidden, o.width),
      ];
    }),
  ];
}

/** The keys of config.json that dense decoders share. */
export const plain = (architecture: string, o: Omit<Dense, 'size'> & { readonly size?: number }) => ({
  architectures: [architecture],
  hidden_size: o.hidden,
  intermediate_size: o.width,
  num_hidden_layers: o.layers,
  num_attention_heads: o.heads,
  num_key_value_heads: o.groups,
  ...(o.size === undefined ? {} : { head_dim: o.size }),
  vocab_size: o.vocab,
  hidden_act: 'silu',
  torch_dtype: 'bfloat16',
  tie_word_embeddings: o.tied ?? false,
});

const LLAMA3_ROPE = {
  factor: 8.0,
  low_freq_factor: 1.0,
  high_freq_factor: 4.0,
  original_max_position_embeddings: 8192,
  rope_type: 'llama3',
};

const llama8 = { vocab: 128256, hidden: 4096, width: 14336, layers: 32, heads: 32, groups: 8, size: 128 };
const llama405 = {
  vocab: 128256,
  hidden: 16384,
  width: 53248,
  layers: 126,
  heads: 128,
  groups: 8,
  size: 128,
};
const llama = (o: Dense) => ({
  ...plain('LlamaForCausalLM', o),
  rope_theta: 500000.0,
  rope_scaling: LLAMA3_ROPE,
  rms_norm_eps: 1e-5,
  max_position_embeddings: 131072,
  attention_bias: false,
  mlp_bias: false,
});

const qwen72 = {
  vocab: 152064,
  hidden: 8192,
  width: 29568,
  layers: 80,
  heads: 64,
  groups: 8,
  size: 128,
  bias: true,
};

export const mistral = {
  vocab: 32000,
  hidden: 4096,
  width: 14336,
  layers: 32,
  heads: 32,
  groups: 8,
  size: 128,
};

const gemma9 = { vocab: 256000, hidden: 3584, width: 14336, layers: 42, heads: 16, groups: 8, size: 256 };

export const DENSE: readonly RealModel[] = [
  {
    name: 'meta-llama/Llama-3.1-8B',
    config: llama(llama8),
    tensors: () => dense(llama8),
    parameters: 8_030_261_248,
    target: '0.3.1',
  },
  {
    name: 'meta-llama/Llama-3.1-405B',
    config: llama(llama405),
    tensors: () => dense(llama405),
    parameters: 405_853_388_800,
    target: '0.3.1',
  },
  {
    name: 'Qwen/Qwen2.5-72B',
    config: {
      ...plain('Qwen2ForCausalLM', qwen72),
      max_position_embeddings: 131072,
      rope_theta: 1000000.0,
      rms_norm_eps: 1e-5,
    },
    tensors: () => dense(qwen72),
    parameters: 72_706_203_648,
    target: '0.3.1',
  },
  {
    name: 'mistralai/Mistral-7B-v0.1',
    config: {
      ...plain('MistralForCausalLM', mistral),
      max_position_embeddings: 32768,
      sliding_window: 4096,
      rope_theta: 10000.0,
      rms_norm_eps: 1e-5,
    },
    tensors: () => dense(mistral),
    parameters: 7_241_732_096,
    target: '0.3.1',
  },
  {
    name: 'google/gemma-2-9b',
    config: {
      ...plain('Gemma2ForCausalLM', { ...gemma9, tied: true }),
      hidden_act: 'gelu_pytorch_tanh',
      hidden_activation: 'gelu_pytorch_tanh',
      query_pre_attn_scalar: 256,
      sliding_window: 4096,
    },
    tensors: () => [
      ...ends(gemma9.vocab, gemma9.hidden, true),
      ...times(gemma9.layers, (i) => {
        const at = `model.layers.${i}`;
        const sandwich = [
          'input_layernorm',
          'post_attention_layernorm',
          'pre_feedforward_layernorm',
          'post_feedforward_layernorm',
        ];
        return [
          ...norms(at, gemma9.hidden, ...sandwich),
          ...attention(`${at}.self_attn`, gemma9),
          ...gated(`${at}.mlp`, gemma9.hidden, gemma9.width),
        ];
      }),
    ],
    parameters: 9_241_705_984,
    target: '0.3.1',
  },
];
