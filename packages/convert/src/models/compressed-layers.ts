import type { PyMap, PyValue } from '@nemotron-convert/core';
import { type HfConfig, show } from './hf-config.js';

const SLIDING = 'sliding_attention';
const SPARSE = 'compressed_sparse_attention';
const HEAVY = 'heavily_compressed_attention';
const KINDS: Readonly<Record<string, string>> = { 0: SLIDING, 4: SPARSE, 128: HEAVY };
const RATES: PyMap = { [SLIDING]: 0n, [SPARSE]: 4n, [HEAVY]: 128n };
const HASHED = 'hash_moe';

/** The kind of each layer's attention: by name, by its ratio, or two that compress heavily and then each kind in turn. */
function kinds(hf: HfConfig): readonly PyValue[] {
  const layers = hf.int('num_hidden_layers');
  if (hf.has('layer_types')) return hf.list('layer_types').slice(0, layers);
  if (!hf.has('compress_ratios')) {
    return Array.from({ length: layers }, (_, i) => (i > 2 && i % 2 === 1 ? SPARSE : HEAVY));
  }
  return hf
    .list('compress_ratios')
    .slice(0, layers)
    .map((ratio) => {
      const kind = KINDS[show(ratio)];
      if (kind === undefined) throw hf.wrong('compress_ratios', '0, 4 or 128', ratio);
      return kind;
    });
}

/** How many positions each layer makes one of; prediction layers attend in their window alone. */
export function compressionOf(hf: HfConfig): readonly PyValue[] {
  const given = hf.map('compress_rates') ?? RATES;
  const rates: PyMap = {
    ...given,
    ...(hf.has('compress_rate_csa') ? { [SPARSE]: hf.get('compress_rate_csa') } : {}),
    ...(hf.has('compress_rate_hca') ? { [HEAVY]: hf.get('compress_rate_hca') } : {}),
    [SLIDING]: 0n,
  };
  const found = kinds(hf);
  if (found.length < hf.int('num_hidden_layers'))
    throw hf.wrong('layer_types', 'a kind for each layer', BigInt(found.length));
  const decoder = found.map((kind) => {
    const rate = typeof kind === 'string' ? (rates[kind] ?? RATES[kind]) : undefined;
    if (rate === undefined || rate === null)
      throw hf.wrong('layer_types', Object.keys(RATES).join(', '), kind);
    return rate;
  });
  return [...decoder, ...Array.from({ length: hf.int('num_nextn_predict_layers') }, () => 0n)];
}

/** The first layers, whose experts are looked up by token. */
export function hashRoutedLayers(hf: HfConfig): bigint {
  const layers = hf.int('num_hidden_layers');
  if (!hf.has('mlp_layer_types'))
    return BigInt(Math.min(layers, hf.has('num_hash_layers') ? hf.int('num_hash_layers') : 3));
  const types = hf.list('mlp_layer_types').slice(0, layers);
  const first = types.findIndex((type) => type !== HASHED);
  const count = first < 0 ? types.length : first;
  if (types.slice(count).includes(HASHED))
    throw hf.wrong('mlp_layer_types', `${HASHED} in the first layers only`, HASHED);
  return BigInt(count);
}
