import { int } from '../linear.js';
import type { Scope } from '../model.js';
import type { EncoderContext } from './index.js';
import { numbered, torchLinear, torchRmsNorm } from './torch.js';

/** Gemma4VisionModel of transformers. */
export function gemma4Vision(scope: Scope, { config }: EncoderContext): void {
  const hidden = config.int('hidden_size');
  const width = config.int('intermediate_size');
  const size = config.int('head_dim');
  const queries = config.int('num_attention_heads') * size;
  const keys = config.int('num_key_value_heads') * size;
  torchLinear(scope, 'patch_embedder.input_proj', hidden, 3 * config.int('patch_size') ** 2, false);
  scope.param('patch_embedder.position_embedding_table', [2, config.int('position_embedding_size'), hidden]);
  for (const layer of numbered(scope, 'encoder.layers', config.int('num_hidden_layers'))) {
    const attention = layer.child('self_attn');
    torchLinear(attention, 'q_proj.linear', queries, hidden, false);
    torchLinear(attention, 'k_proj.linear', keys, hidden, false);
    torchLinear(attention, 'v_proj.linear', keys, hidden, false);
    torchLinear(attention, 'o_proj.linear', hidden, queries, false);
    torchRmsNorm(attention, 'q_norm', size);
    torchRmsNorm(attention, 'k_norm', size);
    torchLinear(layer, 'mlp.gate_proj.linear', width, hidden, false);
    torchLinear(layer, 'mlp.up_proj.linear', width, hidden, false);
    torchLinear(layer, 'mlp.down_proj.linear', hidden, width, false);
    for (const name of NORMS) torchRmsNorm(layer, name, hidden);
  }
}

const NORMS = [
  'input_layernorm',
  'post_attention_layernorm',
  'pre_feedforward_layernorm',
  'post_feedforward_layernorm',
];

/** Gemma4MultimodalEmbedder of transformers; its norm has no weight. */
export function gemma4Embedder(scope: Scope, { config, provider }: EncoderContext): void {
  torchLinear(scope, 'embedding_projection', int(provider, 'hidden_size'), config.int('hidden_size'), false);
}
