import type { Scope } from '../model.js';
import type { EncoderContext } from './index.js';
import {
  numbered,
  torchConv,
  torchEmbedding,
  torchGatedMlp,
  torchLayerNorm,
  torchLinear,
  torchLinears,
  torchRmsNorm,
} from './torch.js';

/** Glm4vMoeVisionModel of transformers. Its blocks are as wide as its output, its merger as wide as `intermediate_size`. */
export function glm4vMoeVision(scope: Scope, { config }: EncoderContext): void {
  const hidden = config.int('hidden_size');
  const out = config.int('out_hidden_size');
  const width = config.int('intermediate_size');
  const patch = config.positive('patch_size');
  const merge = config.int('spatial_merge_size');
  const kernel = [config.int('temporal_patch_size'), patch, patch];
  torchEmbedding(
    scope,
    'embeddings.position_embedding',
    Math.floor(config.int('image_size') / patch) ** 2,
    hidden,
  );
  torchConv(scope, 'patch_embed.proj', hidden, config.int('in_channels'), kernel);
  for (const block of numbered(scope, 'blocks', config.int('depth'))) {
    torchRmsNorm(block, 'norm1', hidden);
    torchRmsNorm(block, 'norm2', hidden);
    torchLinear(block, 'attn.qkv', 3 * hidden, hidden, config.get('attention_bias') === true);
    torchLinear(block, 'attn.proj', hidden, hidden, false);
    torchGatedMlp(block.child('mlp'), hidden, out, false);
  }
  const merger = scope.child('merger');
  torchLinear(merger, 'proj', out, out, false);
  torchLayerNorm(merger, 'post_projection_norm', out);
  torchLinears(merger, ['gate_proj', 'up_proj'], width, out, false);
  torchLinear(merger, 'down_proj', out, width, false);
  torchRmsNorm(scope, 'post_conv_layernorm', hidden);
  torchConv(scope, 'downsample', out, hidden, [merge, merge]);
  torchRmsNorm(scope, 'post_layernorm', hidden);
}
