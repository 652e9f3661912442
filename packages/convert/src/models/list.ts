import { FAMILIES } from './registry.js';
import { TARGETS, type Target } from './target.js';

export interface ModelRow {
  readonly architecture: string;
  /** The Megatron-Bridge versions whose checkpoints can be written for it. */
  readonly targets: readonly Target[];
  readonly example: string;
  /** How far it has been checked, where that is less than a comparison with the real stack. */
  readonly note: string | null;
}

/** Every supported architecture, sorted by name. */
export function listModels(): ModelRow[] {
  return FAMILIES.flatMap((family) =>
    family.architectures.map((architecture) => ({
      architecture,
      targets: TARGETS.filter((target) => family.config[target] !== undefined),
      example: family.example,
      note: family.unverified ?? null,
    })),
  ).sort((a, b) => (a.architecture < b.architecture ? -1 : 1));
}
