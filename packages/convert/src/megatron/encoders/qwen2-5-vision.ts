import type { HfConfig } from '../../models/hf-config.js';
import type { Scope } from '../model.js';
import type { EncoderContext } from './index.js';
import { numbered, torchConv, torchGatedMlp, torchLinear, torchLinears, torchRmsNorm } from './torch.js';

/** Qwen2_5_VisionTransformerPretrainedModel of transformers. */
export function qwen25Vision(scope: Scope, { config }: EncoderContext): void {
  visionModel(scope, config, ['qkv']);
}

/** Qwen2_5OmniVisionEncoder of transformers: the same with queries, keys and values apart. */
export function qwen25OmniVision(scope: Scope, { config }: EncoderContext): void {
  visionModel(scope, config, ['q', 'k', 'v']);
}

function visionModel(scope: Scope, config: HfConfig, projections: readonly string[]): void {
  const hidden = config.int('hidden_size');
  const patch = config.int('patch_size');
  const kernel = [config.int('temporal_patch_size'), patch, patch];
  torchConv(scope, 'patch_embed.proj', hidden, config.int('in_channels'), kernel, false);
  for (const block of numbered(scope, 'blocks', config.int('depth'))) {
    torchRmsNorm(block, 'norm1', hidden);
    torchRmsNorm(block, 'norm2', hidden);
    torchLinears(block.child('attn'), projections, (3 / projections.length) * hidden, hidden);
    torchLinear(block, 'attn.proj', hidden, hidden);
    torchGatedMlp(block.child('mlp'), hidden, config.int('intermediate_size'), true);
  }
  const merged = hidden * config.int('spatial_merge_size') ** 2;
  torchRmsNorm(scope, 'merger.ln_q', hidden);
  torchLinear(scope, 'merger.mlp.0', merged, merged);
  torchLinear(scope, 'merger.mlp.2', config.int('out_hidden_size'), merged);
}
