import { NemotronError, type PyValue } from '@nemotron-convert/core';
import { show } from './hf-config.js';
import type { Fields } from './provider.js';

/** A field of a provider that config.json gives a value of another kind than Megatron-Core computes with. */
export class FieldError extends NemotronError {
  constructor(
    readonly field: string,
    readonly expected: string,
    readonly found: PyValue,
    path = 'config.json',
  ) {
    super(
      'SOURCE_CONFIG_INVALID',
      `${path}: Megatron's ${field} must be ${expected}, and is ${show(found)} as config.json has it`,
      { facts: { path, field, expected, found: show(found) } },
    );
  }

  /** The same, of this config.json. */
  at(path: string): FieldError {
    return new FieldError(this.field, this.expected, this.found, path);
  }
}

/** A field that holds a whole number, as all do that say how large or how many. */
export function int(fields: Fields, name: string): number {
  const value = fields[name] ?? null;
  if (typeof value !== 'bigint' || value < 0n) throw new FieldError(name, 'a non-negative integer', value);
  return Number(value);
}

/** A field to divide by. */
export function divisor(fields: Fields, name: string): number {
  const value = int(fields, name);
  if (value === 0) throw new FieldError(name, 'a positive integer', 0n);
  return value;
}

/** A field that holds a number, or a truth value, which Python counts with as well; zero where it is unset. */
export function number(fields: Fields, name: string): number {
  const value = fields[name] ?? 0n;
  if (typeof value === 'object' || typeof value === 'string') throw new FieldError(name, 'a number', value);
  return Number(value);
}
