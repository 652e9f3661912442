import type { PyMap } from '@nemotron-convert/core';
import { changes as dev } from './defaults/core-dev.generated.js';
import type { Fields } from './provider.js';

/** What another Megatron-Core changes of a map of recorded defaults. */
export interface CoreChange {
  readonly omit: readonly string[];
  readonly fields: PyMap;
}

/** Its changes of provider classes and of the sections around the provider, by name. */
export interface CoreChanges {
  readonly providers: Readonly<Record<string, CoreChange>>;
  readonly sections: Readonly<Record<string, CoreChange>>;
}

/** A Megatron-Core other than the release that a Bridge version is recorded with. */
export interface Core extends CoreChanges {
  /** What loads checkpoints of its families, and has written what they were compared with. */
  readonly consumer: string;
  readonly note: string;
}

const DEV = 'the dev branch of Megatron-LM at d48bd6be0a (Core 0.19)';

/** By the name that a family's rules have for it. */
export const CORES = {
  dev: {
    ...dev,
    consumer: `Megatron-Bridge 0.7.0 with ${DEV}`,
    note: `compared with Megatron-Bridge 0.7.0 on ${DEV}; no release of Megatron-Core builds this model`,
  },
} as const satisfies Readonly<Record<string, Core>>;

export type CoreName = keyof typeof CORES;

export function coreNamed(name: CoreName | undefined): Core | null {
  return name === undefined ? null : CORES[name];
}

/** A map of defaults as this Megatron-Core has it. */
export function changed(map: PyMap, change: CoreChange | undefined): Fields {
  const out: Fields = { ...map };
  for (const key of change?.omit ?? []) delete out[key];
  return Object.assign(out, change?.fields);
}
