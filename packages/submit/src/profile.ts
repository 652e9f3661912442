import { NemotronError } from '@nemotron-convert/core';
import type { Job } from './job.js';
import type { ProfileKey } from './profile-keys.js';

/** Typed reading of `run.env`. A value that cannot be read is PROFILE_INVALID, naming its key. */
export class ProfileValues {
  constructor(private readonly values: ReadonlyMap<unknown, unknown>) {}

  has(key: ProfileKey): boolean {
    return (this.values.get(key) ?? null) !== null;
  }

  /** Text of a scalar; empty and absent are the same. */
  text(key: ProfileKey): string | undefined {
    const value = this.values.get(key) ?? null;
    if (value === null || value === '') return undefined;
    if (typeof value === 'object') throw this.invalid(key, 'must be a text');
    return textOf(value);
  }

  /** Text that may be empty on purpose. */
  optional(key: ProfileKey, fallback: string): string {
    const value = this.values.get(key) ?? null;
    return value === null ? fallback : textOf(value);
  }

  required(key: ProfileKey, executor: Job['executor']): string {
    const found = this.text(key);
    if (found !== undefined) return found;
    throw new NemotronError('PROFILE_INVALID', `${key} required for ${executor} executor`, {
      facts: { kind: 'ValueError', key },
      hint: `set ${key} in the profile`,
    });
  }

  /** A whole number, also one written as text, which an interpolation always is. */
  count(key: ProfileKey): number | undefined {
    const text = this.text(key);
    if (text === undefined) return undefined;
    if (/^\d{1,9}$/.test(text)) return Number(text);
    throw this.invalid(key, `must be a whole number, not ${text}`);
  }

  flag(key: ProfileKey): boolean {
    const value = this.values.get(key) ?? null;
    return typeof value === 'string' ? /^(1|true|yes|on)$/i.test(value) : Boolean(value);
  }

  texts(key: ProfileKey): string[] {
    const value = this.values.get(key) ?? null;
    if (value === null || value === '') return [];
    if (Array.isArray(value)) return value.map(textOf);
    throw this.invalid(key, 'must be a list');
  }

  list(key: ProfileKey): unknown[] {
    const value = this.values.get(key) ?? null;
    if (value === null) return [];
    if (Array.isArray(value)) return value as unknown[];
    throw this.invalid(key, 'must be a list');
  }

  map(key: ProfileKey): ReadonlyMap<unknown, unknown> {
    const value = this.values.get(key) ?? null;
    if (value === null) return new Map();
    if (value instanceof Map) return value as ReadonlyMap<unknown, unknown>;
    throw this.invalid(key, 'must be a table');
  }

  invalid(key: ProfileKey, problem: string): NemotronError {
    return new NemotronError('PROFILE_INVALID', `${key} ${problem}`, { facts: { kind: 'ValueError', key } });
  }
}

function textOf(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return String(value);
}

/** A config value as JSON data. */
export function jsonOf(value: unknown): unknown {
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, item]) => [String(key), jsonOf(item)]));
  }
  if (Array.isArray(value)) return value.map(jsonOf);
  return typeof value === 'bigint' ? Number(value) : value;
}

/** Nodes and ranks of a job: the profile's, else the step's. */
export interface Resources {
  readonly nodes: number;
  readonly gpusPerNode: number;
}

export function resourcesOf(job: Job, values: ProfileValues): Resources {
  const nodes = values.count('nodes') ?? job.runspec.nodes;
  if (nodes < 1) throw values.invalid('nodes', 'must be at least 1');
  return { nodes, gpusPerNode: values.count('gpus_per_node') ?? job.runspec.gpusPerNode };
}

/** Runs without a container. */
const NO_CONTAINER = 'none';

/** The container image: `container_image`, else `container`, else the step's; `none` runs without a container. */
export function imageOf(job: Job, values: ProfileValues): string | undefined {
  const image = values.text('container_image') ?? values.text('container') ?? job.runspec.image ?? undefined;
  return image === NO_CONTAINER ? undefined : image;
}
