import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { memo, NemotronError } from '@nemotron-convert/core';
import type { ConvertOptions, ResolvedOptions } from '../options.js';
import type { Drop } from '../plan/collect.js';
import type { Plan } from '../plan/types.js';
import type { Source } from '../source/open.js';

const FILE = 'conversion.json';
const SCHEMA = 1;

/** What a checkpoint was made of and how. Two runs of the same conversion differ in `volatile` only. */
export interface Provenance {
  readonly schema: number;
  readonly tool: { readonly name: string; readonly version: string };
  readonly planDigest: string;
  readonly architecture: string;
  readonly target: string;
  readonly source: {
    readonly id: string;
    /** The commit of a model on the Hub. */
    readonly commit?: string;
    readonly files: readonly { readonly name: string; readonly bytes: number }[];
  };
  readonly options: Pick<ConvertOptions, 'dtype' | 'tp' | 'pp' | 'ep' | 'etp'> & { readonly world: number };
  readonly tensors: number;
  readonly parameters: number;
  /** Copies by `source dtype → target dtype`; those between unequal dtypes are casts. */
  readonly copies: Readonly<Record<string, number>>;
  readonly drops: readonly Drop[];
  readonly volatile: { readonly finished: string; readonly host: string; readonly platform: string };
}

export interface ProvenanceInput {
  readonly version: string;
  readonly digest: string;
  readonly architecture: string;
  readonly target: string;
  readonly parameters: number;
  readonly drops: readonly Drop[];
  readonly plan: Plan;
  readonly source: Source;
  readonly options: ResolvedOptions;
}

export const PROVENANCE_FILE = FILE;

/** The text of conversion.json. */
export function provenance(input: ProvenanceInput): string {
  const { plan, source, options } = input;
  const { dtype, sizes, ranks } = options;
  const record: Provenance = {
    schema: SCHEMA,
    tool: { name: 'nemotron-convert', version: input.version },
    planDigest: input.digest,
    architecture: input.architecture,
    target: input.target,
    source: {
      id: options.hfModelId,
      ...(source.hub === undefined ? {} : { commit: source.hub.commit }),
      files: source.files.map(({ path, bytes }) => ({ name: basename(path), bytes })),
    },
    options: { dtype, ...sizes, world: ranks?.world ?? 1 },
    tensors: plan.keys.length,
    parameters: input.parameters,
    copies: countCopies(plan),
    drops: input.drops,
    volatile: {
      finished: new Date().toISOString(),
      host: hostname(),
      platform: `${process.platform}-${process.arch}`,
    },
  };
  return `${JSON.stringify(record, null, 2)}\n`;
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
