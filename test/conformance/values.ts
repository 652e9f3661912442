import type { ConfigMap, ConfigValue } from '@nemotron-convert/config';

/** The recorded notation of a value as the project's own data: integers are bigint, floats number. */
export function recordedValue(value: unknown): ConfigValue {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(recordedValue);
  const entries = Object.entries(value as object);
  const [first] = entries;
  if (entries.length === 1 && first !== undefined) {
    const [tag, inner] = first;
    if (tag === '$float') return FLOATS[String(inner)] ?? Number(inner);
    if (tag === '$int') return BigInt(String(inner));
    if (tag === '$map') return mapOf(inner as readonly (readonly [unknown, unknown])[]);
  }
  return mapOf(entries);
}

const FLOATS: Readonly<Record<string, number>> = {
  inf: Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
  nan: Number.NaN,
};

function mapOf(entries: readonly (readonly [unknown, unknown])[]): ConfigMap {
  return new Map(entries.map(([key, value]) => [recordedValue(key) as string, recordedValue(value)]));
}

/** Any value of the project in the same form, so that plain objects and maps compare alike. */
export function ownValue(value: unknown): ConfigValue {
  if (value instanceof Map) return mapOwn([...value]);
  if (Array.isArray(value)) return value.map(ownValue);
  if (typeof value === 'object' && value !== null) return mapOwn(Object.entries(value));
  if (typeof value === 'number' && Number.isInteger(value)) return value;
  return (value ?? null) as ConfigValue;
}

function mapOwn(entries: readonly (readonly [unknown, unknown])[]): ConfigMap {
  return new Map(entries.map(([key, value]) => [key as string, ownValue(value)]));
}

/** Where two values differ first, undefined when they do not. Partial: keys that are not expected are ignored. */
export function difference(
  expected: ConfigValue,
  found: ConfigValue | undefined,
  partial: boolean,
  at = '',
): string | undefined {
  if (expected === '{text}')
    return typeof found === 'string' && found !== '' ? undefined : `${at}: expected a text`;
  if (Array.isArray(expected)) {
    if (!Array.isArray(found) || found.length !== expected.length) return differ(at, expected, found);
    return firstOf(
      expected.map((item, index) => () => difference(item, found[index], partial, `${at}[${index}]`)),
    );
  }
  if (expected instanceof Map) {
    if (!(found instanceof Map)) return differ(at, expected, found);
    if (!sameKeys([...expected.keys()], [...found.keys()], partial)) return differ(at, expected, found);
    return firstOf(
      [...expected].map(
        ([key, item]) =>
          () =>
            difference(item, found.get(key), partial, `${at}.${String(key)}`),
      ),
    );
  }
  return Object.is(expected, found) || (expected === 0 && found === 0)
    ? undefined
    : differ(at, expected, found);
}

/** The order of keys counts, but not in partial recordings, which were put together by hand. */
function sameKeys(expected: readonly unknown[], found: readonly unknown[], partial: boolean): boolean {
  if (partial) return expected.every((key) => found.includes(key));
  return expected.length === found.length && expected.every((key, index) => key === found[index]);
}

function firstOf(checks: readonly (() => string | undefined)[]): string | undefined {
  for (const check of checks) {
    const found = check();
    if (found !== undefined) return found;
  }
  return undefined;
}

function differ(at: string, expected: unknown, found: unknown): string {
  return `${at === '' ? 'value' : at}: expected ${show(expected)}, found ${show(found)}`;
}

export function show(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (value instanceof Map)
    return `{${[...value].map(([key, item]) => `${show(key)}: ${show(item)}`).join(', ')}}`;
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`;
  return JSON.stringify(value) ?? String(value);
}
