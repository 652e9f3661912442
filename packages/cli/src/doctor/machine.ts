import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import { formatBytes } from '@nemotron-convert/core';
import type { Io } from '../io.js';
import { type Finding, note, ok } from './finding.js';

/** What the engine has faster code for, as Linux names it. */
const FEATURES = ['avx2', 'avx512f', 'f16c', 'pclmulqdq', 'sha_ni', 'asimd', 'crc32', 'pmull'];
const NVIDIA = '/proc/driver/nvidia';
const ASK_MS = 5_000;

export async function checkCpu(): Promise<Finding> {
  const model = cpus()[0]?.model.trim() ?? process.arch;
  const text = await readFile('/proc/cpuinfo', 'utf8').catch(() => '');
  const known = new Set((/^(?:flags|Features)\s*:(.*)$/m.exec(text)?.[1] ?? '').trim().split(/\s+/));
  const features = FEATURES.filter((name) => known.has(name));
  const has = features.length === 0 ? '' : `; ${features.join(' ')}`;
  const memory = `${formatBytes(totalmem())} of memory, ${formatBytes(freemem())} free`;
  return ok('cpu', `${model}, ${availableParallelism()} threads${has}; ${memory}`);
}

export async function checkGpu(): Promise<Finding> {
  const places = await readdir(join(NVIDIA, 'gpus')).catch(() => []);
  if (places.length === 0) return note('gpu', 'no NVIDIA GPU here; conversions need none');
  const models = await Promise.all(places.map(gpuModel));
  const version = await readFile(join(NVIDIA, 'version'), 'utf8').catch(() => '');
  const driver = /\b\d+\.\d+(?:\.\d+)?\b/.exec(version)?.[0];
  return ok('gpu', `${models.join(', ')}${driver === undefined ? '' : `, driver ${driver}`}`);
}

async function gpuModel(place: string): Promise<string> {
  const text = await readFile(join(NVIDIA, 'gpus', place, 'information'), 'utf8').catch(() => '');
  return /^Model:\s*(.+)$/m.exec(text)?.[1]?.trim() ?? place;
}

export async function checkSlurm({ env }: Io): Promise<Finding> {
  const version = await answer('sbatch', ['--version'], env);
  if (version === null) return note('slurm', 'no sbatch here; profiles may submit through ssh');
  return ok(
    'slurm',
    `${version}${env['SLURM_JOB_ID'] === undefined ? '' : `, in job ${env['SLURM_JOB_ID']}`}`,
  );
}

/** The first line that a command prints; null when it fails. */
function answer(command: string, words: readonly string[], env: Io['env']): Promise<string | null> {
  return new Promise((resolve) => {
    execFile(command, words, { env: { ...env }, timeout: ASK_MS }, (error, stdout) =>
      resolve(error === null ? (stdout.split('\n')[0] ?? '') : null),
    );
  });
}
