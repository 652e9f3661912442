import { statSync } from 'node:fs';
import { join, normalize } from 'node:path';
import type { Job } from './job.js';
import { CONFIG, LAUNCHER, pythonLauncher, SCRIPT } from './startup.js';
import type { TarEntry } from './tar.js';

/** Where a job finds its files. The config was written with these paths. */
export const JOB_DIR = '/nemo_run';
export const CODE_DIR = `${JOB_DIR}/code`;

/** The code directory of a job: the config, the launchers, and the files of the working directory that the config names. */
export function codeFiles(job: Job, config: string, launcher: string): TarEntry[] {
  return [
    { path: CONFIG, text: config },
    { path: LAUNCHER, text: launcher, mode: 0o755 },
    { path: SCRIPT, text: pythonLauncher(job.stepId) },
    ...namedFiles(job),
  ];
}

function namedFiles(job: Job): TarEntry[] {
  const names = Array.from(job.trainYaml.matchAll(/\/nemo_run\/code\/([^\s'",\]}]+)/g), ([, name = '']) =>
    normalize(name),
  );
  const taken = new Set<string>([CONFIG, LAUNCHER, SCRIPT]);
  return [...new Set(names)].sort().flatMap((path) => {
    if (path.startsWith('..') || taken.has(path)) return [];
    const from = join(job.cwd, path);
    const found = statSync(from, { throwIfNoEntry: false });
    return found?.isFile() === true ? [{ path, from, bytes: found.size }] : [];
  });
}
