import type { Scope } from '../model.js';
import type { EncoderContext } from './index.js';
import { numbered, torchConv, torchEmbedding, torchLayerNorm, torchLinear, torchLinears } from './torch.js';

/** SiglipVisionTransformer of transformers; it has a pooling head unless the configuration says otherwise. */
export function siglipVision(scope: Scope, context: EncoderContext): void {
  siglipVisionHeadless(scope, context);
  const { config } = context;
  if (config.get('vision_use_head') !== false)
    poolingHead(scope.child('head'), config.int('hidden_size'), config.int('intermediate_size'));
}

export function siglipVisionHeadless(at: Scope, { config }: EncoderContext): void {
  const hidden = config.int('hidden_size');
  const width = config.int('intermediate_size');
  const patch = config.positive('patch_size');
  torchConv(at, 'embeddings.patch_embedding', hidden, config.int('num_channels'), [patch, patch]);
  torchEmbedding(
    at,
    'embeddings.position_embedding',
    Math.floor(config.int('image_size') / patch) ** 2,
    hidden,
  );
  for (const layer of numbered(at, 'encoder.layers', config.int('num_hidden_layers'))) {
    torchLayerNorm(layer, 'layer_norm1', hidden);
    torchLinears(layer.child('self_attn'), ['q_proj', 'k_proj', 'v_proj', 'out_proj'], hidden, hidden);
    torchLayerNorm(layer, 'layer_norm2', hidden);
    mlp(layer, hidden, width);
  }
  torchLayerNorm(at, 'post_layernorm', hidden);
}

function mlp(scope: Scope, hidden: number, width: number): void {
  torchLinear(scope, 'mlp.fc1', width, hidden);
  torchLinear(scope, 'mlp.fc2', hidden, width);
}

function poolingHead(head: Scope, hidden: number, width: number): void {
  head.param('probe', [1, 1, hidden]);
  head.param('attention.in_proj_weight', [3 * hidden, hidden]);
  head.param('attention.in_proj_bias', [3 * hidden]);
  torchLinear(head, 'attention.out_proj', hidden, hidden);
  torchLayerNorm(head, 'layernorm', hidden);
  mlp(head, hidden, width);
}
