import { isPyMap, type PyMap, type PyValue } from '@nemotron-convert/core';

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
