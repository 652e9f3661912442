import { isPyMap, type PyMap, type PyValue } from '@nemotron-convert/core';
import { show } from './hf-config.js';
import type { Fields } from './provider.js';
import type { Target } from './target.js';

/**
 * config.json as transformers 5 sees its rotary embedding: `rope_scaling` and `rope_parameters` are one map, which holds
 * the base frequency too. Maps keyed by layer type stay as they are.
 */
export function gatherRope(config: PyMap, defaults: PyMap): PyMap {
  const own = [config['rope_scaling'], config['rope_parameters']].find(
    (value) => isPyMap(value) && Object.keys(value).length > 0,
  );
  const given = own ?? defaults['rope_parameters'];
  const rope: Record<string, PyValue> = isPyMap(given) ? { ...given } : {};
  if (Object.values(rope).some(isPyMap)) return { ...config, rope_scaling: rope, rope_parameters: rope };
  const base = config['rope_theta'] ?? defaults['rope_theta'] ?? null;
  // A class makes its default map from its default frequency, so that config.json's wins.
  rope['rope_theta'] = (own === undefined ? config['rope_theta'] : null) ?? rope['rope_theta'] ?? base;
  rope['rope_type'] ??= rope['type'] ?? 'default';
  const rotary = config['partial_rotary_factor'] ?? defaults['partial_rotary_factor'] ?? null;
  if (rotary !== null) rope['partial_rotary_factor'] ??= rotary;
  if (['llama3', 'yarn', 'longrope'].includes(rope['rope_type'] as string)) {
    // No class has it beside the map: there it is a key of other tools.
    rope['original_max_position_embeddings'] ??=
      config['max_position_embeddings'] ?? defaults['max_position_embeddings'] ?? null;
  }
  return { ...config, rope_scaling: rope, rope_parameters: rope, rope_theta: rope['rope_theta'] ?? null };
}

/**
 * What `rope_parameters`, the map that transformers 5 writes, says and the provider does not have: the Bridge 0.3.1 reads
 * the older keys only, and says nothing of it. Null where nothing is lost.
 */
export function unreadRope(config: PyMap, provider: Fields, target: Target): string | null {
  const rope = config['rope_parameters'] ?? null;
  if (target !== '0.3.1' || !isPyMap(rope)) return null;
  const [theta, base] = [rope['rope_theta'] ?? null, provider['rotary_base'] ?? null];
  const type = rope['rope_type'] ?? 'default';
  const isScaled = isPyMap(config['rope_scaling']) || provider['position_embedding_type'] === 'yarn';
  const lost = [
    ...(theta !== null && base !== null && Number(theta) !== Number(base)
      ? [`rope_theta ${show(theta)} (run_config.yaml has rotary_base ${show(base)})`]
      : []),
    ...(type !== 'default' && !isScaled ? [`the scaling ${show(type)}`] : []),
  ];
  return lost.length === 0
    ? null
    : `Megatron-Bridge 0.3.1 does not read rope_parameters of config.json and loses ${lost.join(' and ')}: target=0.7.0 reads it`;
}
