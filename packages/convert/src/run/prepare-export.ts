import { NemotronError } from '@nemotron-convert/core';
import { beyondBfloat16 } from '@nemotron-convert/native';
import type { ResolvedExport } from '../export-options.js';
import { checkCounts } from '../models/counts.js';
import type { Family } from '../models/family.js';
import type { Fields } from '../models/provider.js';
import { chooseTarget, familyFor, rulesFor } from '../models/registry.js';
import { namesByRow, respelled } from '../models/spellings.js';
import { TARGETS, type Target } from '../models/target.js';
import { type Shards, shardBySize, shardLike } from '../output/hf/shards.js';
import { writtenFor } from '../output/written-for.js';
import type { Drop } from '../plan/collect.js';
import { collectExport, type Exported, type ExportFaults } from '../plan/collect-export.js';
import { safetensorsPlan } from '../plan/safetensors.js';
import { StoredTensors } from '../plan/stored.js';
import type { Plan } from '../plan/types.js';
import { architectureOf } from '../source/architecture.js';
import type { MegatronSource } from '../source/megatron.js';
import { unpacked } from '../source/packed.js';
import type { Reference } from '../source/reference.js';
import { type Described, describe, spellingsOf } from './prepare.js';

/** Everything that is decided before a byte of tensor data is written. */
export interface PreparedExport {
  readonly architecture: string;
  /** The Megatron-Bridge version whose model the checkpoint holds. */
  readonly target: Target;
  readonly plan: Plan;
  readonly shards: Shards;
  readonly drops: readonly Drop[];
  readonly parameters: number;
}

const ONE_RANK = { tp: 1, pp: 1, ep: 1, etp: 1 };

/** Index and headers of a checkpoint and of the original model in, the whole plan out. Throws CHECKPOINT_MISMATCH. */
export async function prepareExport(
  source: MegatronSource,
  reference: Reference,
  options: ResolvedExport,
): Promise<PreparedExport> {
  const architecture = architectureOf(reference);
  const family = familyFor(architecture, reference);
  const { target, exported } = await chooseVersion(source, reference, options, family);
  const faults = faultsOf(exported.faults);
  if (options.strict && faults.length > 0) throw mismatch(source, faults);
  const unknown = new Set(exported.faults.unknown);
  const outputs = exported.outputs.filter(({ name }) => !unknown.has(name));
  const shards =
    reference.shards === null
      ? shardBySize(outputs, options.maxShardSize)
      : shardLike(outputs, reference.shards, (name) => exported.beside.get(name));
  const plan = safetensorsPlan({
    sources: source.plan.sources,
    tensors: source.plan.tensors,
    outputs,
    fileOf: shards.fileOf,
    world: options.ranks?.world ?? 1,
  });
  const left = faults.map(({ reason, names }) => ({ reason, tensors: names }));
  const { parameters } = exported;
  return { architecture, target, plan, shards, drops: [...exported.drops, ...left], parameters };
}

/**
 * The version whose model has exactly the checkpoint's tensors, preferably the one that the checkpoint was written for;
 * where none has, the one that comes nearest.
 */
async function chooseVersion(
  source: MegatronSource,
  reference: Reference,
  options: ResolvedExport,
  family: Family,
): Promise<{ target: Target; exported: Exported }> {
  // Throws where no version can build the model.
  const oldest = chooseTarget(family, 'auto', reference.config);
  checkCounts(reference.config, reference.configPath, source.plan.keys);
  const candidates = new Set<Target>([await writtenFor(source.dir), oldest, ...TARGETS]);
  let best: { target: Target; exported: Exported; count: number } | undefined;
  let refusal: unknown;
  for (const target of candidates) {
    const rules = rulesFor(family, target, reference.config);
    if (rules === undefined || (rules.refuses?.(reference.config) ?? null) !== null) continue;
    try {
      const exported = await collectFor(target, source, reference, options, family);
      const { missing, unexpected } = exported.faults;
      const count = missing.length + unexpected.length;
      if (count === 0) return { target, exported };
      if (best === undefined || count < best.count) best = { target, exported, count };
    } catch (error) {
      if (!(error instanceof NemotronError) || error.code !== 'CHECKPOINT_MISMATCH') throw error;
      refusal ??= error;
    }
  }
  if (best === undefined) throw refusal;
  return best;
}

async function collectFor(
  target: Target,
  source: MegatronSource,
  reference: Reference,
  { dtype, hfModelId }: ResolvedExport,
  family: Family,
): Promise<Exported> {
  const stored = new StoredTensors(source.plan);
  const spellings = spellingsOf(family);
  const spelled = reference.shards === null ? null : namesByRow(reference.shards.fileOf, spellings);
  const tensors = unpacked(respelled(reference.tensors, spellings));
  const described = describe(
    family,
    target,
    reference,
    spelled?.keys() ?? [],
    { dtype: 'bfloat16', hfModelId, sizes: ONE_RANK },
    layerKeys(stored, family),
  );
  const { rules, provider, model } = described;
  const names = spelled === null ? null : new Set(spelled.keys());
  const wide = await wideKeys(described, stored, source.dir);
  const input = { family, rules, target, model, provider, stored, tensors, names, dtype, wide };
  return spellAs(collectExport(input), (name) => spelled?.get(name) ?? name);
}

/** What is exported under the names of the original's release. */
function spellAs(exported: Exported, spell: (name: string) => string): Exported {
  const { outputs, beside, drops, faults } = exported;
  return {
    ...exported,
    outputs: outputs.map((output) => ({ ...output, name: spell(output.name) })),
    beside: new Map([...beside].map(([name, other]) => [spell(name), spell(other)])),
    drops: drops.map((drop) => ({ ...drop, tensors: drop.tensors.map(spell) })),
    faults: { ...faults, unknown: faults.unknown.map(spell), unwritten: faults.unwritten.map(spell) },
  };
}

/** Training may number the layers of a stack in their keys although they are all equal. */
function layerKeys(stored: StoredTensors, { prefix = '' }: Family): Fields {
  const numbered = [...stored.keys].some((key) => key.startsWith(`${prefix}decoder.layers.0.`));
  return numbered ? { hetereogenous_dist_checkpoint: true } : {};
}

/** Keys that Megatron keeps in float32 and that really need it. */
async function wideKeys(
  { model }: Described,
  stored: StoredTensors,
  dir: string,
): Promise<ReadonlySet<string>> {
  const kept = model.params.filter(
    (param) => param.keeps === 'float32' && stored.dtypeOf(param) === 'float32',
  );
  const keys = [...new Set(kept.map(({ key }) => key))];
  return new Set(keys.length === 0 ? [] : await beyondBfloat16(dir, keys));
}

interface Fault {
  readonly reason: string;
  readonly names: readonly string[];
}

/** One for each kind of difference that there is. */
function faultsOf({ missing, unexpected, unknown, unwritten }: ExportFaults): Fault[] {
  return [
    { reason: 'the checkpoint does not have this parameter', names: missing },
    { reason: 'the model of config.json has no such parameter', names: unexpected },
    { reason: 'the original model does not have this tensor', names: unknown },
    { reason: 'the checkpoint has nothing for this tensor of the original model', names: unwritten },
  ].filter(({ names }) => names.length > 0);
}

function mismatch({ dir }: MegatronSource, faults: readonly Fault[]): NemotronError {
  const [{ reason, names }] = faults as readonly [Fault];
  const others = names.length > 1 ? ` (and ${names.length - 1} more)` : '';
  return new NemotronError('CHECKPOINT_MISMATCH', `${dir}: ${names[0]}: ${reason}${others}`, {
    facts: { path: dir, differences: faults },
    hint: 'give the model that the checkpoint was made from as hf_model_id, or leave out what differs with strict=false',
  });
}
