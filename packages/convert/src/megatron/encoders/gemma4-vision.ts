import { int } from '../../models/provider-fields.js';
import type { Scope } from '../model.js';
import { clippedLinear } from './clipped.js';
import type { EncoderContext } from './index.js';
import { numbered, torchLinear, torchRmsNorm } from './torch.js';

/** Gemma4VisionModel of transformers. */
export function gemma4Vision(scope: Scope, { config }: EncoderContext): void {
  const hidden = config.int('hidden_size');
  const width = config.int('intermediate_size');
  const size = config.int('head_dim');
  const queries = config.int('num_attention_heads') * size;
  const keys = config.int('num_key_value_heads') * size;
  const clipped = config.truthy('use_clipped_linears');
  torchLinear(scope, 'patch_embedder.input_proj', hidden, 3 * config.int('patch_size') ** 2, false);
  scope.param('patch_embedder.position_embedding_table', [2, config.int('position_embedding_size'), hidden]);
  for (const layer of numbered(scope, 'encoder.layers', config.int('num_hidden_layers'))) {
    const attention = layer.child('self_attn');
    clippedLinear(attention, 'q_proj', queries, hidden, clipped);
    clippedLinear(attention, 'k_proj', keys, hidden, clipped);
    clippedLinear(attention, 'v_proj', keys, hidden, clipped);
    clippedLinear(attention, 'o_proj', hidden, queries, clipped);
    torchRmsNorm(attention, 'q_norm', size);
    torchRmsNorm(attention, 'k_norm', size);
    clippedLinear(layer, 'mlp.gate_proj', width, hidden, clipped);
    clippedLinear(layer, 'mlp.up_proj', width, hidden, clipped);
    clippedLinear(layer, 'mlp.down_proj', hidden, width, clipped);
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
