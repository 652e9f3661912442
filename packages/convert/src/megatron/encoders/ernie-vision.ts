import { int } from '../../models/provider-fields.js';
import type { Scope } from '../model.js';
import type { EncoderContext } from './index.js';
import { numbered, torchLayerNorm, torchLinear, torchRmsNorm } from './torch.js';

/** Ernie4_5_VLMoeVisionTransformerPretrainedModel of transformers. */
export function ernieVision(scope: Scope, { config }: EncoderContext): void {
  const hidden = config.int('hidden_size');
  const width = config.int('intermediate_size');
  const patch = config.int('in_channels') * config.int('patch_size') ** 2;
  torchLinear(scope, 'patch_embed.proj', hidden, patch, false);
  for (const block of numbered(scope, 'blocks', config.int('depth'))) {
    torchLayerNorm(block, 'norm1', hidden);
    torchLayerNorm(block, 'norm2', hidden);
    torchLinear(block, 'attn.qkv', 3 * hidden, hidden);
    torchLinear(block, 'attn.proj', hidden, hidden);
    torchLinear(block, 'mlp.fc1', width, hidden);
    torchLinear(block, 'mlp.fc2', hidden, width);
  }
  torchLayerNorm(scope, 'ln', hidden);
}

/** Ernie4_5_VLMoeVariableResolutionResamplerModel of transformers: merges patches in space, then in time. */
export function ernieResampler(scope: Scope, { config, provider }: EncoderContext): void {
  const merged = config.int('hidden_size') * config.int('spatial_merge_size') ** 2;
  const hidden = int(provider, 'hidden_size');
  for (const [name, frames] of [
    ['spatial_linear', 1],
    ['temporal_linear', config.int('temporal_merge_size')],
  ] as const) {
    const at = scope.child(name);
    torchLinear(at, 'fc1', merged, merged * frames);
    torchLinear(at, 'fc2', merged, merged);
    torchLayerNorm(at, 'ln', merged);
  }
  torchLinear(scope, 'mlp', hidden, merged);
  torchRmsNorm(scope, 'after_norm', hidden);
}
