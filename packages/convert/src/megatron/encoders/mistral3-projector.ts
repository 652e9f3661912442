import { int } from '../../models/provider-fields.js';
import type { Scope } from '../model.js';
import type { EncoderContext } from './index.js';
import { torchLinear, torchRmsNorm } from './torch.js';

/** Mistral3MultiModalProjector of transformers: merges neighbouring patches, then two linear layers. */
export function mistral3Projector(scope: Scope, { config, whole, provider }: EncoderContext): void {
  const features = config.int('hidden_size');
  const hidden = int(provider, 'hidden_size');
  const merged = whole.has('spatial_merge_size') ? whole.int('spatial_merge_size') : 2;
  const layers = whole.get('vision_feature_layer');
  const bias = whole.get('multimodal_projector_bias') === true;
  torchRmsNorm(scope, 'norm', features);
  torchLinear(scope, 'patch_merger.merging_layer', features, features * merged ** 2, false);
  torchLinear(scope, 'linear_1', hidden, features * (Array.isArray(layers) ? layers.length : 1), bias);
  torchLinear(scope, 'linear_2', hidden, hidden, bias);
}
