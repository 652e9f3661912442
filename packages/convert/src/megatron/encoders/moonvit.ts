import type { PyMap } from '@nemotron-convert/core';
import { HfConfig } from '../../models/hf-config.js';
import type { Scope } from '../model.js';
import type { EncoderContext } from './index.js';
import { numbered, torchConv, torchLayerNorm, torchLinear } from './torch.js';

/** MoonViT3d of Kimi-K2.5, whose code comes with the checkpoint. */
export function moonVit(scope: Scope, context: EncoderContext): void {
  const config = eye(context);
  const hidden = config.int('vt_hidden_size');
  const width = config.int('vt_intermediate_size');
  const patch = config.int('patch_size');
  torchConv(scope, 'patch_embed.proj', hidden, 3, [patch, patch]);
  const grid = [config.int('init_pos_emb_height'), config.int('init_pos_emb_width')];
  scope.param('patch_embed.pos_emb.weight', [...grid, hidden]);
  for (const block of numbered(scope, 'encoder.blocks', config.int('vt_num_hidden_layers'))) {
    torchLayerNorm(block, 'norm0', hidden);
    torchLayerNorm(block, 'norm1', hidden);
    torchLinear(block, 'mlp.fc0', width, hidden);
    torchLinear(block, 'mlp.fc1', hidden, width);
    torchLinear(block, 'wqkv', 3 * hidden, hidden);
    torchLinear(block, 'wo', hidden, hidden);
  }
  torchLayerNorm(scope, 'encoder.final_layernorm', hidden);
}

/** Its projector over neighbouring patches, which become one. */
export function moonVitMerger(scope: Scope, context: EncoderContext): void {
  const config = eye(context);
  const hidden = config.int('mm_hidden_size');
  const [height, width] = config.list('merge_kernel_size').map(Number);
  const merged = hidden * (height ?? 1) * (width ?? 1);
  torchLayerNorm(scope, 'pre_norm', hidden);
  torchLinear(scope, 'proj.0', merged, merged);
  torchLinear(scope, 'proj.2', config.int('text_hidden_size'), merged);
}

/** With what its class gives to absent keys. */
function eye({ whole, provider }: EncoderContext): HfConfig {
  return new HfConfig(provider['vision_config'] as PyMap, `${whole.path}: vision_config`);
}
