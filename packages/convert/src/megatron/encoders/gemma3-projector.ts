import { int } from '../../models/provider-fields.js';
import { norm } from '../linear.js';
import type { Scope } from '../model.js';
import type { EncoderContext } from './index.js';

/** The Bridge's Gemma 3 projector: a norm over the vision model's features, and one linear layer, both of Transformer Engine. */
export function gemma3Projector(scope: Scope, { config, provider }: EncoderContext): void {
  const features = config.int('hidden_size');
  norm(scope, 'mm_soft_embed_norm', features, provider);
  scope.param('proj.weight', [int(provider, 'hidden_size'), features], { split: 'column' });
  scope.state('proj', 'extra_state_none');
}
