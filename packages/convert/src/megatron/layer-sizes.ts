import { isPyMap, memo } from '@nemotron-convert/core';
import { show } from '../models/hf-config.js';
import type { Fields } from '../models/provider.js';
import { specName } from './layer-spec.js';

/** A layer: number `index` of the decoder, or of the multi-token prediction depths. */
export interface LayerPlace {
  readonly index: number;
  readonly predicted: boolean;
}

/** The Bridges' layer classes that give a layer sizes of its own, by the name of their layer spec. */
const SIZES: Readonly<Record<string, (provider: Fields, place: LayerPlace) => Fields>> = {
  build_step35_layer_spec: stepSizes,
  mimo_v2_flash_layer_spec: mimoSizes,
};

/** Block specs whose multi-token prediction layers are dense, whatever the decoder's last layer is. */
const DENSE_PREDICTION = new Set([
  'build_exaone_moe_layer_spec',
  'build_step35_layer_spec',
  'mimo_v2_flash_layer_spec',
]);

/** The provider as the layers of a model see it: the model's own, or one for each set of sizes. */
export class LayerProviders {
  readonly #provider: Fields;
  readonly #sizes: ((provider: Fields, place: LayerPlace) => Fields) | undefined;
  readonly #known = new Map<string, Fields>();

  constructor(provider: Fields) {
    this.#provider = provider;
    this.#sizes = SIZES[specName(provider)];
  }

  of(place: LayerPlace): Fields {
    if (this.#sizes === undefined) return this.#provider;
    const sizes = this.#sizes(this.#provider, place);
    return memo(this.#known, Object.values(sizes).map(show).join(' '), () => ({
      ...this.#provider,
      ...sizes,
    }));
  }
}

export function predictsDensely(provider: Fields): boolean {
  return DENSE_PREDICTION.has(specName(provider));
}

/** Layers that attend in a window have heads, groups and head size of their own; the list of kinds goes on past the decoder. */
function stepSizes(provider: Fields, { index, predicted }: LayerPlace): Fields {
  const kinds = provider['layer_types'];
  const setting = provider['sliding_attention_setting'] ?? null;
  const at = predicted ? Number(provider['num_layers']) + index : index;
  if (!Array.isArray(kinds) || kinds[at] !== 'sliding_attention' || !isPyMap(setting)) return {};
  return {
    num_attention_heads: setting['num_attention_heads'] ?? null,
    num_query_groups: setting['num_query_groups'] ?? null,
    kv_channels: setting['kv_channels'] ?? null,
  };
}

/** Layers that attend in a window have more groups and a learnable sink; prediction layers are all of that kind. */
function mimoSizes(provider: Fields, { index, predicted }: LayerPlace): Fields {
  const pattern = provider['hybrid_attention_pattern'];
  const windowed = predicted || (Array.isArray(pattern) && pattern[index] === 1n);
  return {
    num_query_groups: provider[windowed ? 'swa_num_query_groups' : 'full_attn_num_query_groups'] ?? null,
    softmax_type: windowed ? 'learnable' : 'vanilla',
  };
}
