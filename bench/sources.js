import { closeSync, copyFileSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const FIXTURE = new URL('../test/fixtures/llama', import.meta.url).pathname;
const TOKENIZER = ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json'];
const BYTES = { BF16: 2, F32: 4, F8_E4M3: 1, U8: 1 };

/** Tensors of a Llama of the given sizes, as [name, shape, dtype]. */
function llamaTensors({ hidden, width, vocab, heads, groups, layers }, dtype) {
  const size = hidden / heads;
  const layer = (i) => {
    const at = `model.layers.${i}`;
    return [
      [`${at}.input_layernorm.weight`, [hidden]],
      [`${at}.post_attention_layernorm.weight`, [hidden]],
      [`${at}.self_attn.q_proj.weight`, [hidden, hidden]],
      [`${at}.self_attn.k_proj.weight`, [groups * size, hidden]],
      [`${at}.self_attn.v_proj.weight`, [groups * size, hidden]],
      [`${at}.self_attn.o_proj.weight`, [hidden, hidden]],
      [`${at}.mlp.gate_proj.weight`, [width, hidden]],
      [`${at}.mlp.up_proj.weight`, [width, hidden]],
      [`${at}.mlp.down_proj.weight`, [hidden, width]],
    ];
  };
  const tensors = [
    ['model.embed_tokens.weight', [vocab, hidden]],
    ['lm_head.weight', [vocab, hidden]],
    ['model.norm.weight', [hidden]],
    ...Array.from({ length: layers }, (_, i) => layer(i)).flat(),
  ];
  return tensors.map(([name, shape]) => [name, shape, dtype]);
}

const product = (shape) => shape.reduce((a, b) => a * b, 1);
const bytesOf = (tensors) => tensors.reduce((n, [, shape, dtype]) => n + product(shape) * BYTES[dtype], 0);

/** Writes a Llama source of a number of layers, or of `bytes` bytes or a little more, in files of about 1 GB; returns its size. */
export function makeLlama(dir, sizes, dtype, { bytes, layers: given }) {
  const per = (count) => bytesOf(llamaTensors({ ...sizes, layers: count }, dtype));
  const layers = given ?? Math.max(1, Math.ceil((bytes - per(0)) / (per(1) - per(0))));
  return writeSource(dir, llamaTensors({ ...sizes, layers }, dtype), llamaConfig(sizes, layers));
}

/** A Llama of `layers` layers whose projections are in float8 with a scale for each block of 128 x 128. */
export function makeFloat8Llama(dir, sizes, layers) {
  const tensors = llamaTensors({ ...sizes, layers }, 'BF16').flatMap(([name, shape, dtype]) => {
    if (!name.endsWith('_proj.weight')) return [[name, shape, dtype]];
    const scales = shape.map((extent) => Math.ceil(extent / 128));
    return [
      [name, shape, 'F8_E4M3'],
      [`${name}_scale_inv`, scales, 'F32'],
    ];
  });
  const quantization_config = { quant_method: 'fp8', fmt: 'e4m3', weight_block_size: [128, 128] };
  return writeSource(dir, tensors, { ...llamaConfig(sizes, layers), quantization_config });
}

/** A GPT-OSS of `layers` layers with 32 experts in MXFP4, of the sizes of the 20B model. */
export function makeGptOss(dir, layers) {
  const [hidden, experts, vocab] = [2880, 32, 1024];
  const tensors = Array.from({ length: layers }, (_, i) => {
    const at = (name) => `model.layers.${i}.${name}`;
    const plain = Object.entries({
      'input_layernorm.weight': [hidden],
      'post_attention_layernorm.weight': [hidden],
      'mlp.experts.gate_up_proj_bias': [experts, 2 * hidden],
      'mlp.experts.down_proj_bias': [experts, hidden],
      'mlp.router.weight': [experts, hidden],
      'mlp.router.bias': [experts],
      'self_attn.q_proj.weight': [4096, hidden],
      'self_attn.q_proj.bias': [4096],
      'self_attn.k_proj.weight': [512, hidden],
      'self_attn.k_proj.bias': [512],
      'self_attn.v_proj.weight': [512, hidden],
      'self_attn.v_proj.bias': [512],
      'self_attn.o_proj.weight': [hidden, 4096],
      'self_attn.o_proj.bias': [hidden],
      'self_attn.sinks': [64],
    }).map(([name, shape]) => [at(name), shape, 'BF16']);
    const packed = [
      ['gate_up_proj', 2 * hidden],
      ['down_proj', hidden],
    ].flatMap(([name, rows]) => [
      [at(`mlp.experts.${name}_blocks`), [experts, rows, hidden / 32, 16], 'U8'],
      [at(`mlp.experts.${name}_scales`), [experts, rows, hidden / 32], 'U8'],
    ]);
    return [...plain, ...packed];
  });
  const ends = [
    ['model.embed_tokens.weight', [vocab, hidden], 'BF16'],
    ['lm_head.weight', [vocab, hidden], 'BF16'],
    ['model.norm.weight', [hidden], 'BF16'],
  ];
  return writeSource(dir, [...ends, ...tensors.flat()], {
    architectures: ['GptOssForCausalLM'],
    model_type: 'gpt_oss',
    torch_dtype: 'bfloat16',
    attention_bias: true,
    head_dim: 64,
    hidden_size: hidden,
    intermediate_size: hidden,
    layer_types: Array.from({ length: layers }, (_, i) => (i % 2 ? 'full_attention' : 'sliding_attention')),
    num_attention_heads: 64,
    num_key_value_heads: 8,
    num_experts_per_tok: 4,
    num_hidden_layers: layers,
    num_local_experts: experts,
    sliding_window: 128,
    vocab_size: vocab,
    max_position_embeddings: 4096,
    rms_norm_eps: 1e-5,
    rope_theta: 150000.0,
    router_aux_loss_coef: 0.9,
    tie_word_embeddings: false,
    quantization_config: { quant_method: 'mxfp4' },
  });
}

const llamaConfig = (sizes, layers) => ({
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  torch_dtype: 'bfloat16',
  hidden_size: sizes.hidden,
  intermediate_size: sizes.width,
  num_hidden_layers: layers,
  num_attention_heads: sizes.heads,
  num_key_value_heads: sizes.groups,
  vocab_size: sizes.vocab,
  max_position_embeddings: 4096,
  rms_norm_eps: 1e-5,
  rope_theta: 10000.0,
  tie_word_embeddings: false,
});

function writeSource(dir, tensors, config) {
  mkdirSync(dir, { recursive: true });
  const shards = [[]];
  let size = 0;
  for (const tensor of tensors) {
    const length = bytesOf([tensor]);
    if (size + length > 1e9 && size > 0) {
      shards.push([]);
      size = 0;
    }
    shards.at(-1).push(tensor);
    size += length;
  }
  const map = {};
  for (const [n, shard] of shards.entries()) {
    const name = `model-${String(n + 1).padStart(5, '0')}-of-${String(shards.length).padStart(5, '0')}.safetensors`;
    writeShard(join(dir, name), shard);
    for (const [tensor] of shard) map[tensor] = name;
  }
  writeFileSync(join(dir, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map: map }));
  // A real one: the real stack opens it.
  for (const name of TOKENIZER) copyFileSync(join(FIXTURE, name), join(dir, name));
  writeFileSync(join(dir, 'config.json'), JSON.stringify(config));
  return { bytes: bytesOf(tensors), tensors: tensors.length };
}

// Small normal floats, so that casts take the path that weights take; exponents of scales like those of weights.
const FLOATS = new Uint8Array(new Float32Array(1 << 18).map((_, i) => Math.sin(i) * 0.05).buffer);
const EXPONENTS = new Uint8Array(1 << 20).map((_, i) => 116 + (i % 7));

function writeShard(path, tensors) {
  let end = 0;
  const header = {};
  for (const [name, shape, dtype] of tensors) {
    const begin = end;
    end += product(shape) * BYTES[dtype];
    header[name] = { dtype, shape, data_offsets: [begin, end] };
  }
  // The safetensors library pads headers like this.
  const text = JSON.stringify(header);
  const json = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const file = openSync(path, 'w');
  writeSync(file, Buffer.concat([length, json]));
  for (const [name, { data_offsets }] of Object.entries(header)) {
    const bytes = name.endsWith('_scales') ? EXPONENTS : FLOATS;
    for (let [done, until] = data_offsets; done < until; done += bytes.length)
      writeSync(file, bytes, 0, Math.min(bytes.length, until - done));
  }
  closeSync(file);
}
