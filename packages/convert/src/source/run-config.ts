import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { readText } from './files.js';

export type Section = Readonly<Record<string, unknown>>;

/** The sections of a run_config.yaml, those that are maps. */
export type RunConfig = Readonly<Record<string, Section | undefined>>;

/** Where the run_config.yaml of an iteration is: in it, as Megatron-Bridge writes it, or beside it. */
export function runConfigPath(iteration: string): string | undefined {
  return [iteration, dirname(iteration)]
    .map((dir) => join(dir, 'run_config.yaml'))
    .find((candidate) => existsSync(candidate));
}

/** Reads one; classes are names and nothing is looked up. Throws SyntaxError where it is no YAML or no map. */
export async function readRunConfig(path: string): Promise<RunConfig> {
  const text = await readText(path);
  let tree: unknown;
  try {
    tree = parse(text, { logLevel: 'error' });
  } catch (cause) {
    throw new SyntaxError((cause as Error).message, { cause });
  }
  if (!isMap(tree)) throw new SyntaxError('expected a map');
  return Object.fromEntries(
    Object.entries(tree).map(([key, value]) => [key, isMap(value) ? value : undefined]),
  );
}

export function isMap(value: unknown): value is Section {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
