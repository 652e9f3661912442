import { type ConfigMap, type ConfigValue, pythonText } from '@nemotron-convert/config';

/** A table at a key, an empty one where there is none. */
export function tableAt(map: ConfigMap, key: string): ConfigMap {
  const value = map.get(key);
  return value instanceof Map ? value : new Map();
}

/** The tables of an array; entries of another kind are dropped. */
export function tablesAt(map: ConfigMap, key: string): ConfigMap[] {
  return listAt(map, key).filter((item) => item instanceof Map);
}

export function listAt(map: ConfigMap, key: string): ConfigValue[] {
  const value = map.get(key);
  return Array.isArray(value) ? value : [];
}

/** A scalar as text, undefined where there is none. */
export function textAt(map: ConfigMap, key: string): string | undefined {
  const value = map.get(key);
  return value === undefined || value === null || typeof value === 'object' ? undefined : pythonText(value);
}

export function numberAt(map: ConfigMap, key: string): number | undefined {
  const value = map.get(key);
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : undefined;
}
