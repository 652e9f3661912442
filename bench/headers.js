import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const BYTES = { F8_E4M3: 1, BF16: 2, F32: 4 };
const V3 = {
  vocab: 129280,
  hidden: 7168,
  layers: 61,
  first: 3,
  experts: 256,
  width: 18432,
  narrow: 2048,
  heads: 128,
};

const matrix = (name, rows, columns) => [
  [`${name}.weight`, 'F8_E4M3', [rows, columns]],
  [`${name}.weight_scale_inv`, 'F32', [Math.ceil(rows / 128), Math.ceil(columns / 128)]],
];
const plain = (name, ...shape) => [[`${name}.weight`, 'BF16', shape]];
const gated = (at, width) => [
  ...matrix(`${at}.gate_proj`, width, V3.hidden),
  ...matrix(`${at}.up_proj`, width, V3.hidden),
  ...matrix(`${at}.down_proj`, V3.hidden, width),
];

function layer(index) {
  const at = `model.layers.${index}`;
  const attention = `${at}.self_attn`;
  const mixture = () => [
    ...plain(`${at}.mlp.gate`, V3.experts, V3.hidden),
    [`${at}.mlp.gate.e_score_correction_bias`, 'F32', [V3.experts]],
    ...gated(`${at}.mlp.shared_experts`, V3.narrow),
    ...Array.from({ length: V3.experts }, (_, i) => gated(`${at}.mlp.experts.${i}`, V3.narrow)).flat(),
  ];
  return [
    ...plain(`${at}.input_layernorm`, V3.hidden),
    ...plain(`${at}.post_attention_layernorm`, V3.hidden),
    ...matrix(`${attention}.q_a_proj`, 1536, V3.hidden),
    ...plain(`${attention}.q_a_layernorm`, 1536),
    ...matrix(`${attention}.q_b_proj`, V3.heads * 192, 1536),
    ...matrix(`${attention}.kv_a_proj_with_mqa`, 576, V3.hidden),
    ...plain(`${attention}.kv_a_layernorm`, 512),
    ...matrix(`${attention}.kv_b_proj`, V3.heads * 256, 512),
    ...matrix(`${attention}.o_proj`, V3.hidden, V3.heads * 128),
    ...(index < V3.first ? gated(`${at}.mlp`, V3.width) : mixture()),
  ];
}

/** DeepSeek-V3 as published, a file for each layer, every file a hole behind its header. Returns the count of tensors. */
export function makeDeepSeekV3(dir) {
  const last = `model.layers.${V3.layers}`;
  const predicted = [
    ...layer(V3.layers),
    ...['enorm', 'hnorm', 'shared_head.norm'].flatMap((name) => plain(`${last}.${name}`, V3.hidden)),
    ...plain(`${last}.eh_proj`, V3.hidden, 2 * V3.hidden),
    ...plain(`${last}.embed_tokens`, V3.vocab, V3.hidden),
    ...plain(`${last}.shared_head.head`, V3.vocab, V3.hidden),
  ];
  const ends = [
    ...plain('model.embed_tokens', V3.vocab, V3.hidden),
    ...plain('model.norm', V3.hidden),
    ...plain('lm_head', V3.vocab, V3.hidden),
  ];
  const files = [ends, ...Array.from({ length: V3.layers }, (_, i) => layer(i)), predicted];
  mkdirSync(dir, { recursive: true });
  const map = {};
  for (const [n, tensors] of files.entries()) {
    const name = `model-${String(n + 1).padStart(5, '0')}-of-${String(files.length).padStart(5, '0')}.safetensors`;
    writeHole(join(dir, name), tensors);
    for (const [tensor] of tensors) map[tensor] = name;
  }
  writeFileSync(join(dir, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map: map }));
  writeFileSync(join(dir, 'tokenizer.json'), '{}');
  writeFileSync(join(dir, 'config.json'), JSON.stringify(config()));
  return files.flat().length;
}

function writeHole(path, tensors) {
  const header = {};
  let at = 0;
  for (const [name, dtype, shape] of tensors) {
    const end = at + shape.reduce((a, b) => a * b, BYTES[dtype]);
    header[name] = { dtype, shape, data_offsets: [at, end] };
    at = end;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const file = openSync(path, 'w');
  writeSync(file, Buffer.concat([length, text]));
  ftruncateSync(file, 8 + text.length + at);
  closeSync(file);
}

function config() {
  return {
    architectures: ['DeepseekV3ForCausalLM'],
    model_type: 'deepseek_v3',
    torch_dtype: 'bfloat16',
    vocab_size: V3.vocab,
    hidden_size: V3.hidden,
    intermediate_size: V3.width,
    moe_intermediate_size: V3.narrow,
    num_hidden_layers: V3.layers,
    num_attention_heads: V3.heads,
    num_key_value_heads: V3.heads,
    n_routed_experts: V3.experts,
    n_shared_experts: 1,
    num_experts_per_tok: 8,
    n_group: 8,
    topk_group: 4,
    first_k_dense_replace: V3.first,
    moe_layer_freq: 1,
    q_lora_rank: 1536,
    kv_lora_rank: 512,
    qk_nope_head_dim: 128,
    qk_rope_head_dim: 64,
    v_head_dim: 128,
    routed_scaling_factor: 2.5,
    scoring_func: 'sigmoid',
    topk_method: 'noaux_tc',
    norm_topk_prob: true,
    num_nextn_predict_layers: 1,
    max_position_embeddings: 163840,
    rope_theta: 10000,
    rms_norm_eps: 1e-6,
    hidden_act: 'silu',
    tie_word_embeddings: false,
    rope_scaling: {
      type: 'yarn',
      factor: 40,
      original_max_position_embeddings: 4096,
      beta_fast: 32,
      beta_slow: 1,
      mscale: 1,
      mscale_all_dim: 1,
    },
    quantization_config: {
      activation_scheme: 'dynamic',
      fmt: 'e4m3',
      quant_method: 'fp8',
      weight_block_size: [128, 128],
    },
  };
}
