import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const HIDDEN = 512;
const WIDTH = 2048;
const VOCAB = 4096;

/** A Llama source of about `megabytes`, bfloat16, its values a fixed function of their place, in one file or more. */
export function syntheticLlama(dir: string, megabytes: number, shards = 1): void {
  const shapes = (layer: number): [string, number[]][] => {
    const at = `model.layers.${layer}`;
    return [
      [`${at}.input_layernorm.weight`, [HIDDEN]],
      [`${at}.post_attention_layernorm.weight`, [HIDDEN]],
      [`${at}.self_attn.q_proj.weight`, [HIDDEN, HIDDEN]],
      [`${at}.self_attn.k_proj.weight`, [HIDDEN / 4, HIDDEN]],
      [`${at}.self_attn.v_proj.weight`, [HIDDEN / 4, HIDDEN]],
      [`${at}.self_attn.o_proj.weight`, [HIDDEN, HIDDEN]],
      [`${at}.mlp.gate_proj.weight`, [WIDTH, HIDDEN]],
      [`${at}.mlp.up_proj.weight`, [WIDTH, HIDDEN]],
      [`${at}.mlp.down_proj.weight`, [HIDDEN, WIDTH]],
    ];
  };
  const bytesOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 2);
  const perLayer = shapes(0).reduce((sum, [, shape]) => sum + bytesOf(shape), 0);
  const layers = Math.max(1, Math.round((megabytes * 1e6 - 2 * bytesOf([VOCAB, HIDDEN])) / perLayer));
  const tensors: [string, number[]][] = [
    ['model.embed_tokens.weight', [VOCAB, HIDDEN]],
    ['lm_head.weight', [VOCAB, HIDDEN]],
    ['model.norm.weight', [HIDDEN]],
    ...Array.from({ length: layers }, (_, layer) => shapes(layer)).flat(),
  ];
  mkdirSync(dir, { recursive: true });
  if (shards === 1) writeWeights(join(dir, 'model.safetensors'), tensors, bytesOf);
  else writeShards(dir, tensors, bytesOf, shards);
  writeFileSync(join(dir, 'tokenizer.json'), '{}');
  writeFileSync(
    join(dir, 'config.json'),
    JSON.stringify({
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      torch_dtype: 'bfloat16',
      hidden_size: HIDDEN,
      intermediate_size: WIDTH,
      num_hidden_layers: layers,
      num_attention_heads: 8,
      num_key_value_heads: 2,
      head_dim: 64,
      vocab_size: VOCAB,
      max_position_embeddings: 128,
      rms_norm_eps: 1e-5,
      rope_theta: 10000.0,
      tie_word_embeddings: false,
    }),
  );
}

function writeShards(
  dir: string,
  tensors: readonly (readonly [string, readonly number[]])[],
  bytesOf: (shape: readonly number[]) => number,
  shards: number,
): void {
  const total = tensors.reduce((sum, [, shape]) => sum + bytesOf(shape), 0);
  const parts = Array.from({ length: shards }, () => [] as (readonly [string, readonly number[]])[]);
  let at = 0;
  for (const tensor of tensors) {
    parts[Math.min(shards - 1, Math.floor((at / total) * shards))]?.push(tensor);
    at += bytesOf(tensor[1]);
  }
  const weightMap: Record<string, string> = {};
  for (const [number, part] of parts.entries()) {
    const name = `model-${String(number + 1).padStart(5, '0')}-of-${String(shards).padStart(5, '0')}.safetensors`;
    writeWeights(join(dir, name), part, bytesOf);
    for (const [tensor] of part) weightMap[tensor] = name;
  }
  writeFileSync(join(dir, 'model.safetensors.index.json'), JSON.stringify({ weight_map: weightMap }));
}

function writeWeights(
  path: string,
  tensors: readonly (readonly [string, readonly number[]])[],
  bytesOf: (shape: readonly number[]) => number,
): void {
  let at = 0;
  const header = Object.fromEntries(
    tensors.map(([name, shape]) => {
      const begin = at;
      at += bytesOf(shape);
      return [name, { dtype: 'BF16', shape, data_offsets: [begin, at] }];
    }),
  );
  // The safetensors library pads headers like this.
  const text = JSON.stringify(header);
  const json = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const file = openSync(path, 'w');
  writeSync(file, Buffer.concat([length, json]));
  const block = new Uint32Array(1 << 18);
  let state = 1;
  for (let done = 0; done < at; done += block.byteLength) {
    for (let i = 0; i < block.length; i += 1) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      block[i] = state;
    }
    writeSync(file, new Uint8Array(block.buffer, 0, Math.min(block.byteLength, at - done)));
  }
  closeSync(file);
}
