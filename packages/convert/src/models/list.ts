import { coreNamed } from './core.js';
import type { Family } from './family.js';
import { FAMILIES } from './registry.js';
import { TARGETS, type Target } from './target.js';

export interface ModelRow {
  readonly architecture: string;
  /** The Megatron-Bridge versions whose checkpoints can be written for it. */
  readonly targets: readonly Target[];
  readonly example: string;
  /** How it has been checked, where that is not a comparison with a release of the real stack. */
  readonly note: string | null;
}

/** What a family was compared with that no release of Megatron-Core builds; null for others. */
function coreNote({ config }: Family): string | null {
  const rules = TARGETS.map((target) => config[target]).find((found) => found?.core !== undefined);
  return coreNamed(rules?.core)?.note ?? null;
}

/** Every supported architecture, sorted by name. */
export function listModels(): ModelRow[] {
  return FAMILIES.flatMap((family) =>
    family.architectures.map((architecture) => ({
      architecture,
      targets: TARGETS.filter((target) => family.config[target] !== undefined),
      example: family.example,
      note: family.unverified ?? coreNote(family),
    })),
  ).sort((a, b) => (a.architecture < b.architecture ? -1 : 1));
}
