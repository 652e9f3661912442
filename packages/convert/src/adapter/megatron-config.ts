import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { NemotronError } from '@nemotron-convert/core';
import { parse } from 'yaml';
import { readText } from '../source/files.js';

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

type Yaml = Readonly<Record<string, unknown>>;

/** Reads the adapter's run_config.yaml. Throws ADAPTER_CONFIG_INVALID, ADAPTER_UNSUPPORTED. */
export async function readMegatronLora(iteration: string): Promise<MegatronLoraConfig> {
  const path = runConfigPath(iteration) ?? join(iteration, 'run_config.yaml');
  const { peft, checkpoint } = await readRunConfig(path);
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
export async function readModelSection(iteration: string): Promise<Yaml> {
  const path = runConfigPath(iteration);
  return path === undefined ? {} : ((await readRunConfig(path)).model ?? {});
}

function runConfigPath(iteration: string): string | undefined {
  return [iteration, dirname(iteration)]
    .map((dir) => join(dir, 'run_config.yaml'))
    .find((candidate) => existsSync(candidate));
}

async function readRunConfig(path: string): Promise<Readonly<Record<string, Yaml | undefined>>> {
  if (!existsSync(path)) throw invalid(path, 'it is absent, and says how strong the adapter is');
  const text = await readText(path);
  let tree: unknown;
  try {
    tree = parse(text, { logLevel: 'error' });
  } catch (cause) {
    throw invalid(path, (cause as Error).message);
  }
  if (!isMap(tree)) throw invalid(path, 'expected a map');
  return Object.fromEntries(
    Object.entries(tree).map(([key, value]) => [key, isMap(value) ? value : undefined]),
  );
}

function isMap(value: unknown): value is Yaml {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(path: string, found: string): NemotronError {
  return new NemotronError('ADAPTER_CONFIG_INVALID', `${path}: ${found}`, {
    facts: { path },
    hint: 'restore the run_config.yaml that the training wrote beside the adapter',
  });
}
