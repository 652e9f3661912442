import type { Fields } from '../models/provider.js';
import { int } from '../models/provider-fields.js';
import type { Target } from '../models/target.js';
import { isHyperConnected, streamHead } from './dsv4.js';
import { linear, norm } from './linear.js';
import type { ModelDescription, Scope } from './model.js';

/**
 * Multi-token prediction: for each depth the norms of the embedding and of the hidden state, their joint projection or,
 * between hyper-connections, one for each, a decoder layer like the stack's last one, and a final norm. Its keys always
 * carry the depth.
 */
export function multiTokenPrediction(
  model: ModelDescription,
  provider: Fields,
  target: Target,
  lastLayer: (layer: Scope, depth: number) => void,
): void {
  eachDepth(model, provider, (index, depth) => {
    const layer = depth.child('transformer_layer');
    lastLayer(layer, index);
    // Only the decoder block of 0.3.1 filters this entry out; 0.7.0 filters it here too.
    if (target === '0.3.1') layer.child('self_attention').state('core_attention');
  });
}

/** The same with a hybrid stack of its own inside each depth; `layers` describes them by their pattern. */
export function hybridPrediction(
  model: ModelDescription,
  provider: Fields,
  layers: (pattern: string, at: (index: number) => Scope) => void,
): void {
  const pattern = provider['mtp_hybrid_override_pattern'] ?? null;
  if (typeof pattern !== 'string') return;
  eachDepth(model, provider, (depth) => {
    layers(pattern, (i) => {
      const place = (n: number | '*', j: number | '*') => `mtp.layers.${n}.mtp_model_layer.layers.${j}.`;
      return model.scope(place('*', '*'), place(depth, i), 'last', [depth, i]);
    });
  });
}

/** Providers whose model class hands no prediction block to its language model, whatever mtp_num_layers is. */
const UNPREDICTED = /\.Step37ModelProvider$/;

function eachDepth(
  model: ModelDescription,
  provider: Fields,
  inner: (index: number, depth: Scope) => void,
): void {
  const depths = provider['mtp_num_layers'] ?? null;
  if (typeof depths !== 'bigint' || UNPREDICTED.test(String(provider['_target_']))) return;
  const hidden = int(provider, 'hidden_size');
  const modules = provider['mtp_use_repeated_layer'] === true ? Math.min(1, Number(depths)) : Number(depths);
  for (let i = 0; i < modules; i += 1) {
    const depth = model.scope('mtp.layers.*.', `mtp.layers.${i}.`, 'last', [i]);
    norm(depth, 'enorm', hidden, provider);
    norm(depth, 'hnorm', hidden, provider);
    if (isHyperConnected(provider)) {
      linear(depth, 'e_proj', hidden, hidden, { split: 'column' });
      linear(depth, 'h_proj', hidden, hidden, { split: 'column' });
      streamHead(depth, provider);
    } else {
      linear(depth, 'eh_proj', hidden, 2 * hidden, { split: 'column' });
    }
    inner(i, depth);
    norm(depth, 'final_layernorm', hidden, provider);
  }
}
