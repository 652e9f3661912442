import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { memo, NemotronError } from '@nemotron-convert/core';
import type { Core } from '../models/core.js';
import type { Target } from '../models/target.js';
import type { ConvertOptions, ResolvedOptions } from '../options.js';
import type { Changes, Pad } from '../plan/changes.js';
import type { Drop } from '../plan/collect.js';
import { CONTAINERS } from '../plan/container.js';
import type { Plan } from '../plan/types.js';
import type { Source } from '../source/open.js';

const FILE = 'conversion.json';
const SCHEMA = 1;

/** A file that is small, or whose hash is known. */
export interface HashedFile {
  /** Relative to its directory. */
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** What a checkpoint was made of and how. Two runs of the same conversion differ in `volatile` only. */
export interface Provenance {
  readonly schema: number;
  readonly tool: { readonly name: string; readonly version: string };
  readonly planDigest: string;
  readonly architecture: string;
  readonly target: string;
  /** Versions that have loaded checkpoints of this kind. */
  readonly consumers: readonly string[];
  readonly source: {
    readonly id: string;
    /** The commit of a model on the Hub. */
    readonly commit?: string;
    /** Hashes of files of the Hub's cache, which is named by them; of others when `hash` asks for them. */
    readonly files: readonly (Pick<HashedFile, 'name' | 'bytes'> & Partial<HashedFile>)[];
    readonly config: HashedFile;
    readonly tokenizer: readonly HashedFile[];
  };
  readonly options: Pick<ConvertOptions, 'dtype' | 'tp' | 'pp' | 'ep' | 'etp'> & { readonly world: number };
  /** Every parameter as it was in force, with where it came from. */
  readonly config: Readonly<Record<string, Setting>>;
  readonly tensors: number;
  readonly parameters: number;
  /** Copies by `source dtype → target dtype`; those between unequal dtypes are casts. */
  readonly copies: Readonly<Record<string, number>>;
  readonly casts: readonly { readonly from: string; readonly to: string; readonly tensors: number }[];
  readonly drops: readonly Drop[];
  readonly pads: readonly Pad[];
  /** What was checked before publishing; all was well. */
  readonly verification: { readonly mode: string };
  /** The checkpoint's files but for the data files, which are verified against their source, and this one. */
  readonly files: readonly HashedFile[];
  readonly volatile: {
    readonly started: string;
    readonly finished: string;
    readonly host: string;
    readonly platform: string;
    readonly verifySeconds: number;
    /** SHA-256 of this record without this line. */
    readonly check: string;
  };
}

export interface Setting {
  readonly value: string | number | boolean;
  /** A place in a file, an override, or `default`. */
  readonly origin: string;
}

export interface ProvenanceInput {
  readonly version: string;
  readonly digest: string;
  readonly architecture: string;
  readonly target: Target;
  readonly core: Core | null;
  readonly parameters: number;
  readonly drops: readonly Drop[];
  readonly changes: Changes;
  readonly plan: Plan;
  readonly source: Source;
  readonly hashes: Pick<Provenance['source'], 'files' | 'config' | 'tokenizer'>;
  readonly files: readonly HashedFile[];
  readonly options: ResolvedOptions;
  readonly started: Date;
  readonly verifySeconds: number;
}

export const PROVENANCE_FILE = FILE;

/** The text of conversion.json. */
export function provenance(input: ProvenanceInput): string {
  const { plan, source, options, changes } = input;
  const { dtype, sizes, ranks } = options;
  return sealed({
    schema: SCHEMA,
    tool: { name: 'nemotron-convert', version: input.version },
    planDigest: input.digest,
    architecture: input.architecture,
    target: input.target,
    consumers: input.core === null ? CONTAINERS[input.target].consumers : [input.core.consumer],
    source: {
      id: options.hfModelId,
      ...(source.hub === undefined ? {} : { commit: source.hub.commit }),
      ...input.hashes,
    },
    options: { dtype, ...sizes, world: ranks?.world ?? 1 },
    config: settingsOf(options),
    tensors: plan.keys.length,
    parameters: input.parameters,
    copies: countCopies(plan),
    casts: changes.casts.map(({ from, to, tensors }) => ({ from, to, tensors: tensors.length })),
    drops: input.drops,
    pads: changes.pads,
    verification: { mode: options.verify },
    files: input.files,
    volatile: {
      started: input.started.toISOString(),
      finished: new Date().toISOString(),
      host: hostname(),
      platform: `${process.platform}-${process.arch}`,
      verifySeconds: input.verifySeconds,
      check: '',
    },
  });
}

/** The text of a record with its own hash in it. */
function sealed(record: Provenance): string {
  const text = (check: string): string =>
    `${JSON.stringify({ ...record, volatile: { ...record.volatile, check } }, null, 2)}\n`;
  return text(createHash('sha256').update(text('')).digest('hex'));
}

function settingsOf({ origins, ...options }: ResolvedOptions): Record<string, Setting> {
  const values: Readonly<Record<string, string | number | boolean | undefined>> = {
    hf_model_id: options.hfModelId,
    megatron_path: options.megatronPath,
    dtype: options.dtype,
    target: options.target,
    ...options.sizes,
    trust_remote_code: options.trustRemoteCode,
    verify: options.verify,
    hash: options.hash,
    threads: options.threads,
    memory: options.memory,
    read_mode: options.readMode,
    write_mode: options.writeMode,
  };
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, { value, origin: origins[name] ?? 'default' }] as const],
    ),
  );
}

/** Copies by the dtypes that they go between. */
export function countCopies(plan: Plan): Record<string, number> {
  const counts = new Map<string, number>();
  // Counted by the dtypes of whole items, which are few; their names are joined once for each.
  const kinds = new Map<number, Map<string, Map<string, number>>>();
  for (const { items } of plan.files) {
    for (const item of items) {
      if (!('form' in item)) continue;
      const to = plan.keys[item.key]?.dtype as string;
      const from = item.tensors.map((tensor) => plan.tensors[tensor]?.dtype).join();
      const ofForm = memo(kinds, item.form, () => new Map<string, Map<string, number>>());
      const ofTarget = memo(ofForm, to, () => new Map<string, number>());
      ofTarget.set(from, (ofTarget.get(from) ?? 0) + 1);
    }
  }
  for (const [form, targets] of kinds) {
    for (const [to, sources] of targets) {
      for (const [from, items] of sources) {
        const dtypes = from.split(',');
        for (const { tensor } of plan.forms[form]?.copies ?? []) {
          const pair = `${dtypes[tensor]} → ${to}`;
          counts.set(pair, (counts.get(pair) ?? 0) + items);
        }
      }
    }
  }
  return Object.fromEntries([...counts].sort());
}

/** The record beside an iteration directory; null when the checkpoint is not of our making. */
export async function readProvenance(iteration: string): Promise<Provenance | null> {
  const path = join(dirname(iteration), FILE);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch {
    return null;
  }
  try {
    const record = JSON.parse(text) as Provenance;
    if (record.schema === SCHEMA) return record;
  } catch {
    // Falls through to the error below.
  }
  throw new NemotronError('CHECKPOINT_INVALID', `${path} is not a record of schema ${SCHEMA}`, {
    facts: { path },
  });
}

/** Whether the record beside an iteration directory is, to the letter, what was written. */
export async function isIntact(iteration: string, record: Provenance): Promise<boolean> {
  return (await readFile(join(dirname(iteration), FILE), 'utf8')) === sealed(record);
}
