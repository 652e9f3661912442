import { isPyMap, NemotronError, type PyMap, type PyValue } from '@nemotron-convert/core';

/** config.json with the defaults of its class filled in; every getter says which key it wanted and what it found. */
export class HfConfig {
  constructor(
    readonly values: PyMap,
    readonly path: string,
  ) {}

  /** The value, or null where the key is absent or null. */
  get(key: string): PyValue {
    return this.values[key] ?? null;
  }

  has(key: string): boolean {
    return this.get(key) !== null;
  }

  int(key: string): number {
    const value = this.get(key);
    if (typeof value !== 'bigint' || value < 0n || value > 2n ** 53n)
      throw this.wrong(key, 'a non-negative integer');
    return Number(value);
  }

  /** What Python's // gives of two integers, the second of which is not zero. */
  quotient(key: string, by: string): bigint {
    return BigInt(Math.floor(this.int(key) / this.positive(by)));
  }

  /** An integer to divide by. */
  positive(key: string): number {
    const value = this.int(key);
    if (value === 0) throw this.wrong(key, 'a positive integer');
    return value;
  }

  number(key: string): number {
    const value = this.get(key);
    if (typeof value !== 'bigint' && typeof value !== 'number') throw this.wrong(key, 'a number');
    return Number(value);
  }

  fraction(key: string): number {
    const value = this.number(key);
    if (!(value >= 0 && value <= 1)) throw this.wrong(key, 'a number from 0 to 1');
    return value;
  }

  numbers(key: string): readonly number[] {
    return this.list(key).map((value) => {
      if (typeof value !== 'bigint' && typeof value !== 'number') throw this.wrong(key, 'a list of numbers');
      return Number(value);
    });
  }

  string(key: string): string {
    const value = this.get(key);
    if (typeof value !== 'string') throw this.wrong(key, 'a string');
    return value;
  }

  list(key: string): readonly PyValue[] {
    const value = this.get(key);
    if (!Array.isArray(value)) throw this.wrong(key, 'a list');
    return value as readonly PyValue[];
  }

  map(key: string): PyMap | null {
    const value = this.get(key);
    if (value === null) return null;
    if (!isPyMap(value)) throw this.wrong(key, 'a map');
    return value;
  }

  /** A configuration inside this one; empty where there is none. */
  part(key: string): HfConfig {
    return new HfConfig(this.map(key) ?? {}, `${this.path}: ${key}`);
  }

  /** Python's truth of the value. */
  truthy(key: string): boolean {
    const value = this.get(key);
    return Array.isArray(value) ? value.length > 0 : value !== 0n && Boolean(value);
  }

  /** The error of a key whose value is another than expected; `value` where it is a part of the key's, or counts it. */
  wrong(key: string, expected: string, value?: PyValue): NemotronError {
    const own = this.has(key) ? show(this.get(key)) : 'nothing';
    const found = value === undefined ? own : show(value);
    return new NemotronError(
      'SOURCE_CONFIG_INVALID',
      `${this.path}: ${key} must be ${expected}, found ${found}`,
      {
        facts: { path: this.path, key, expected, found },
      },
    );
  }
}

/** A value as an error quotes it. */
export function show(value: PyValue): string {
  const text = JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? Number(v) : v));
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** Applies a family's class defaults and null fallbacks to a parsed config.json. */
export function fillDefaults(
  config: PyMap,
  path: string,
  defaults: PyMap,
  fallbacks: Readonly<Record<string, string | readonly [string, string]>> = {},
): HfConfig {
  const values: Record<string, PyValue> = { ...defaults, ...config };
  for (const [key, rule] of Object.entries(fallbacks)) {
    if ((values[key] ?? null) !== null) continue;
    const now = new HfConfig(values, path);
    values[key] = typeof rule === 'string' ? now.get(rule) : now.quotient(...rule);
  }
  return new HfConfig(values, path);
}

/** Python's getattr: null where the attribute is there and null, the fallback only where there is none. */
export function attribute(hf: HfConfig, key: string, fallback: PyValue): PyValue {
  const value = hf.values[key];
  return value === undefined ? fallback : value;
}
