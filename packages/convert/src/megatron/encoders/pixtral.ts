import type { Scope } from '../model.js';
import type { EncoderContext } from './index.js';
import { numbered, torchConv, torchGatedMlp, torchLinears, torchRmsNorm } from './torch.js';

/** PixtralVisionModel of transformers. */
export function pixtralVision(scope: Scope, { config }: EncoderContext): void {
  const hidden = config.int('hidden_size');
  const patch = config.int('patch_size');
  torchConv(scope, 'patch_conv', hidden, config.int('num_channels'), [patch, patch], false);
  torchRmsNorm(scope, 'ln_pre', hidden);
  for (const layer of numbered(scope, 'transformer.layers', config.int('num_hidden_layers'))) {
    torchRmsNorm(layer, 'attention_norm', hidden);
    torchLinears(layer.child('attention'), ['q_proj', 'k_proj', 'v_proj', 'o_proj'], hidden, hidden, false);
    torchRmsNorm(layer, 'ffn_norm', hidden);
    torchGatedMlp(layer.child('feed_forward'), hidden, config.int('intermediate_size'), false);
  }
}
