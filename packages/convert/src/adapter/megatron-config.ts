import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { NemotronError } from '@nemotron-convert/core';
import { type RunConfig, readRunConfig, runConfigPath, type Section } from '../source/run-config.js';

/** What the run_config.yaml of a Megatron-Bridge adapter says. */
export interface MegatronLoraConfig {
  readonly path: string;
  readonly alpha: number;
  /** The base checkpoint of the training; null where none is named. */
  readonly pretrained: string | null;
}

/** Classes whose merge is W + alpha / rank · out · in. */
const MERGEABLE = new Set(['LoRA', 'VLMLoRA', 'CanonicalLoRA']);
/** The classes' default. */
const ALPHA = 32;

/** Reads the adapter's run_config.yaml. Throws ADAPTER_CONFIG_INVALID, ADAPTER_UNSUPPORTED. */
export async function readMegatronLora(iteration: string): Promise<MegatronLoraConfig> {
  const path = runConfigPath(iteration) ?? join(iteration, 'run_config.yaml');
  const { peft, checkpoint } = await sectionsOf(path);
  if (peft === undefined) {
    throw invalid(path, 'it has no peft section, which says how strong the adapter is');
  }
  const target = String(peft['_target_'] ?? '');
  const kind = target.slice(target.lastIndexOf('.') + 1);
  // Megatron-Bridge takes one without a class for LoRA.
  if (kind !== '' && !MERGEABLE.has(kind)) {
    throw new NemotronError('ADAPTER_UNSUPPORTED', `${path}: peft is ${target}`, {
      facts: { path, found: target, expected: [...MERGEABLE] },
      hint: 'merge it with Megatron-Bridge, which trained it',
    });
  }
  const alpha = peft['alpha'] ?? ALPHA;
  if (typeof alpha !== 'number') throw invalid(path, 'peft.alpha must be a number');
  const pretrained = checkpoint?.['pretrained_checkpoint'];
  return { path, alpha, pretrained: typeof pretrained === 'string' && pretrained !== '' ? pretrained : null };
}

/** The `model` section of the run_config.yaml in an iteration directory, or beside it; empty where there is none. */
export async function readModelSection(iteration: string): Promise<Section> {
  const path = runConfigPath(iteration);
  return path === undefined ? {} : ((await sectionsOf(path)).model ?? {});
}

async function sectionsOf(path: string): Promise<RunConfig> {
  if (!existsSync(path)) throw invalid(path, 'it is absent, and says how strong the adapter is');
  try {
    return await readRunConfig(path);
  } catch (cause) {
    throw cause instanceof SyntaxError ? invalid(path, cause.message) : cause;
  }
}

function invalid(path: string, found: string): NemotronError {
  return new NemotronError('ADAPTER_CONFIG_INVALID', `${path}: ${found}`, {
    facts: { path },
    hint: 'restore the run_config.yaml that the training wrote beside the adapter',
  });
}
