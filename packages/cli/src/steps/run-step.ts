import { existsSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import {
  type ConfigMap,
  loadFile,
  type MapNode,
  type Node,
  readConfigFile,
  resolveTree,
} from '@nemotron-convert/config';
import { NemotronError } from '@nemotron-convert/core';
import type { Io, StepRun } from '../io.js';
import { showText } from '../render/step-text.js';
import type { Manifest } from './manifest.js';
import { discoverSteps, findStep } from './registry.js';
import { Settings } from './settings.js';
import { applyStepWords, parseStepWords } from './step-words.js';

interface Runner {
  readonly run: (settings: Settings, manifest: Manifest, run: StepRun, io: Io) => Promise<number>;
  /** The parameters that the work would be done with. */
  readonly describe: (settings: Settings, manifest: Manifest, run: StepRun) => ConfigMap;
}

/** The steps that run here, loaded when needed. */
const RUNNERS = new Map<string, () => Promise<Runner>>([
  ['convert/hf_to_megatron', async () => (await import('./hf-to-megatron/run.js')).HF_TO_MEGATRON],
  ['convert/megatron_to_hf', async () => (await import('./megatron-to-hf/run.js')).MEGATRON_TO_HF],
  ['convert/merge_lora', async () => (await import('./merge-lora/run.js')).MERGE_LORA],
]);

type TreeRunner = (tree: MapNode, run: StepRun, io: Io) => Promise<number>;

/** The steps that take their configuration unresolved, because its interpolations are what they write. */
const TREE_RUNNERS: ReadonlyMap<string, () => Promise<TreeRunner>> = new Map([
  ['env/env_toml', async () => (await import('./env-toml/run.js')).runEnvToml],
]);

/** Applies the words of a step to its configuration, resolves it in the step's environment, and does the work. */
export async function runStep(run: StepRun, io: Io): Promise<number> {
  const manifest = findStep(discoverSteps(io.stepsDir), run.id);
  const load = RUNNERS.get(manifest.id);
  const loadTree = TREE_RUNNERS.get(manifest.id);
  if (load === undefined && loadTree === undefined) {
    throw new NemotronError('STEP_INVALID', `${manifest.id} cannot run here`, {
      facts: { kind: 'ValueError', step: manifest.id },
      hint: `steps that can: ${[...RUNNERS.keys(), ...TREE_RUNNERS.keys()].join(', ')}`,
    });
  }
  const { config, help, rest } = parseStepWords(run.words, manifest.id);
  if (help) {
    io.out.write(showText(manifest, io.out.columns));
    return 0;
  }
  if (load === undefined) {
    // This step follows `defaults:` of its own files, too.
    const tree = config === undefined ? run.config : asMap(loadFile(resolve(run.cwd, config), run), config);
    applyStepWords(tree, rest);
    return (await loadTree?.())?.(tree, run, io) ?? 0;
  }
  const settings = stepSettings(config ?? run.config, rest, run);
  if (!run.quiet) for (const warning of settings.warnings) io.err.write(`warning: ${warning}\n`);
  return (await load()).run(settings, manifest, run, io);
}

/** What a step would do, as its parameters; undefined for a step that cannot run here. Throws as the step would. */
export async function describeStep(run: StepRun, io: Io): Promise<ConfigMap | undefined> {
  const manifest = findStep(discoverSteps(io.stepsDir), run.id);
  const runner = await RUNNERS.get(manifest.id)?.();
  const { config, rest } = parseStepWords(run.words, manifest.id);
  return runner?.describe(stepSettings(config ?? run.config, rest, run), manifest, run);
}

/**
 * The settings of a step from its configuration (a tree, or a file whose `defaults:` is not followed) and its words.
 * Throws CONFIG_MISSING, CONFIG_SYNTAX, CONFIG_VALUE, CONFIG_INTERPOLATION.
 */
export function stepSettings(
  config: MapNode | string,
  words: readonly string[],
  { cwd, env, defaultConfig }: Pick<StepRun, 'cwd' | 'env' | 'defaultConfig'>,
): Settings {
  const tree = typeof config === 'string' ? readStepConfig(config, cwd) : config;
  const ignored = applyStepWords(tree, words);
  const { value, origins, warnings } = resolveTree(tree, { env, autoMount: false });
  return new Settings(value, origins, defaultConfig, [...warnings, ...ignoredWords(words, ignored)]);
}

/** Somebody who writes `--tp 2` means `tp=2`, and not the switch `--tp`. */
function ignoredWords(words: readonly string[], ignored: readonly string[]): string[] {
  if (ignored.length === 0) return [];
  const isLost = (word: string): boolean => !word.startsWith('-') && ignored.includes(word);
  const told = words.filter(
    (word, at) => ignored.includes(word) || (word.startsWith('--') && isLost(words[at + 1] ?? '')),
  );
  return [`not understood: ${told.join(' ')} (parameters are written key=value)`];
}

function readStepConfig(name: string, cwd: string): MapNode {
  const path = isAbsolute(name) ? name : resolve(cwd, name);
  if (!existsSync(path)) {
    throw new NemotronError('CONFIG_MISSING', `Config file not found: ${name}`, {
      facts: { kind: 'FileNotFoundError' },
    });
  }
  return asMap(readConfigFile(path, { cwd }), name);
}

function asMap(tree: Node, name: string): MapNode {
  if (tree.kind === 'map') return tree;
  throw new NemotronError('CONFIG_VALUE', `${name} must be a YAML map`, { facts: { kind: 'TypeError' } });
}
