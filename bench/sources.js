import { closeSync, copyFileSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const FIXTURE = new URL('../test/fixtures/llama', import.meta.url).pathname;
const TOKENIZER = ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json'];
const BYTES = { BF16: 2, F32: 4 };

/** Tensors of a Llama of the given sizes. */
function llamaTensors({ hidden, width, vocab, heads, groups, layers }) {
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
  return [
    ['model.embed_tokens.weight', [vocab, hidden]],
    ['lm_head.weight', [vocab, hidden]],
    ['model.norm.weight', [hidden]],
    ...Array.from({ length: layers }, (_, i) => layer(i)).flat(),
  ];
}

const product = (shape) => shape.reduce((a, b) => a * b, 1);

/** Writes a Llama source of a number of layers, or of `bytes` bytes or a little more, in files of about 1 GB; returns its size. */
export function makeLlama(dir, sizes, dtype, { bytes, layers: given }) {
  const per = (count) =>
    llamaTensors({ ...sizes, layers: count }).reduce((n, [, s]) => n + product(s), 0) * BYTES[dtype];
  const layers = given ?? Math.max(1, Math.ceil((bytes - per(0)) / (per(1) - per(0))));
  const tensors = llamaTensors({ ...sizes, layers });
  mkdirSync(dir, { recursive: true });
  const shards = [[]];
  let size = 0;
  for (const tensor of tensors) {
    const length = product(tensor[1]) * BYTES[dtype];
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
    writeShard(join(dir, name), shard, dtype);
    for (const [tensor] of shard) map[tensor] = name;
  }
  writeFileSync(join(dir, 'model.safetensors.index.json'), JSON.stringify({ metadata: {}, weight_map: map }));
  // A real one: the real stack opens it.
  for (const name of TOKENIZER) copyFileSync(join(FIXTURE, name), join(dir, name));
  writeFileSync(
    join(dir, 'config.json'),
    JSON.stringify({
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
    }),
  );
  return { bytes: per(layers), tensors: tensors.length };
}

function writeShard(path, tensors, dtype) {
  let at = 0;
  const header = {};
  for (const [name, shape] of tensors) {
    const end = at + product(shape) * BYTES[dtype];
    header[name] = { dtype, shape, data_offsets: [at, end] };
    at = end;
  }
  // The safetensors library pads headers like this.
  const text = JSON.stringify(header);
  const json = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const file = openSync(path, 'w');
  writeSync(file, Buffer.concat([length, json]));
  // Small normal floats, so that casts take the path that weights take.
  const block = new Float32Array(1 << 18).map((_, i) => Math.sin(i) * 0.05);
  const bytes = new Uint8Array(block.buffer);
  for (let done = 0; done < at; done += bytes.length)
    writeSync(file, bytes, 0, Math.min(bytes.length, at - done));
  closeSync(file);
}
