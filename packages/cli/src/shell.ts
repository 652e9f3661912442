import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Environment } from '@nemotron-convert/config';

/** Runs a command through bash and returns its exit code; a signal s gives 256 - s, as the Python tool reports it. */
export function shell(command: string, env: Environment): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-c', command], { env: { ...env }, stdio: 'inherit' });
    child.on('error', reject);
    child.on('close', (code, signal) =>
      resolve(code ?? 256 - (signal === null ? 1 : constants.signals[signal])),
    );
  });
}
