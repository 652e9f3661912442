import { isPyMap, NemotronError, type PyMap, type PyValue } from '@nemotron-convert/core';
import type { Fields } from '../models/provider.js';
import { int } from '../models/provider-fields.js';
import { selfAttention } from './attention.js';
import { linear, normalization } from './linear.js';
import { denseMlp } from './mlp.js';
import type { Scope } from './model.js';

/**
 * A layer of a heterogeneous stack: attention and MLP are each whole, absent, or one square linear layer, with sizes of
 * their own.
 */
export function heterogeneousLayer(layer: Scope, provider: Fields, index: number): void {
  const blocks = provider['per_block_parameters'];
  const block = Array.isArray(blocks) ? (blocks as readonly PyValue[])[index] : undefined;
  const attention = part(block, 'attention', index);
  const mlp = part(block, 'mlp', index);
  const groups = attention['num_query_groups'] ?? provider['num_query_groups'] ?? null;
  const width = mlp['ffn_hidden_size'] ?? provider['ffn_hidden_size'] ?? null;
  const own = { ...provider, num_query_groups: groups, ffn_hidden_size: width };
  const scope = layer.with(own);
  if (attention['replace_with_linear'] === true) replacement(scope, 'self_attention', own);
  else if (attention['no_op'] !== true) selfAttention(scope, own);
  if (mlp['replace_with_linear'] === true) replacement(scope, 'mlp', own);
  else if (mlp['no_op'] !== true) denseMlp(scope, own);
}

function replacement(layer: Scope, path: string, provider: Fields): void {
  const hidden = int(provider, 'hidden_size');
  const bias = provider['add_bias_linear'] === true;
  linear(layer, path, hidden, hidden, { split: 'column', bias, norm: normalization(provider) });
}

function part(block: PyValue | undefined, name: string, index: number): PyMap {
  const value = isPyMap(block) ? block[name] : undefined;
  if (isPyMap(value)) return value;
  throw new NemotronError(
    'SOURCE_CONFIG_INVALID',
    `block_configs says nothing about ${name} of layer ${index}`,
    {
      facts: { key: 'block_configs', layer: index, part: name },
    },
  );
}
