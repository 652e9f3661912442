import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { NemotronError } from '@nemotron-convert/core';
import { suggestions } from '../argv/similarity.js';
import { type Manifest, readManifest } from './manifest.js';

/** Every step under a directory, by category, id and path. Throws STEP_INVALID. */
export function discoverSteps(directory: string): Manifest[] {
  return manifestFiles(directory)
    .map(readManifest)
    .sort((a, b) => order(a.category, b.category) || order(a.id, b.id) || order(a.path, b.path));
}

function manifestFiles(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return manifestFiles(path);
    return entry.name === 'step.toml' ? [path] : [];
  });
}

function order(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** The step of an id, or of a directory name that only one step has. Throws STEP_UNKNOWN with near ids. */
export function findStep(steps: readonly Manifest[], word: string): Manifest {
  const exact = steps.find(({ id }) => id === word);
  if (exact !== undefined) return exact;
  const [first, second] = steps.filter(({ path }) => basename(path) === word);
  if (first !== undefined && second === undefined) return first;
  const near = suggestions(
    word,
    steps.map(({ id }) => id),
  );
  const meant = near.length === 0 ? '' : `\nDid you mean: ${near.join(', ')}?`;
  throw new NemotronError('STEP_UNKNOWN', `Unknown step id: ${word}${meant}`, {
    facts: { kind: 'Exit', step: word, suggestions: near },
  });
}
