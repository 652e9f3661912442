import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Of a second, in which Linux counts. */
const TICKS = 100;
const BIN = new URL('../packages/cli/bin/nemotron.js', import.meta.url).pathname;

/** A shell command under a name. */
export function shell(name, command) {
  return { name, run: async () => void execFileSync('sh', ['-c', command], { stdio: 'ignore' }) };
}

/**
 * Runs a command to its end. Tells its VmHWM in kB, a figure that never falls, so that the last reading is the peak, and the
 * seconds of the processor that it took.
 */
export function watched(name, command, argv) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, argv, { stdio: ['ignore', 'ignore', 'inherit'] });
    let found = { peak: 0, user: 0, system: 0 };
    const poll = setInterval(() => {
      try {
        const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
        // The command's name, in parentheses, may hold anything; the ticks are fields after it.
        const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8')
          .replace(/^.*\) /, '')
          .split(' ');
        found = {
          peak: Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? found.peak),
          user: Number(fields[11]) / TICKS,
          system: Number(fields[12]) / TICKS,
        };
      } catch {
        // Gone between two polls.
      }
    }, 20);
    child.on('close', (code) => {
      clearInterval(poll);
      if (code === 0) resolve(found);
      else reject(new Error(`${name}: exit ${code}`));
    });
  });
}

/** The words of the command. */
export function nemotron(...words) {
  return [process.execPath, [BIN, ...words]];
}

/** A conversion, which tells its peak of memory in kB. */
export function conversion(name, { source, target, options }) {
  const words = [`hf_model_id=${source}`, `megatron_path=${target}`, ...options];
  const command = nemotron('steps', 'run', 'convert/hf_to_megatron', ...words, '--quiet');
  return { name, run: async () => (await watched(name, ...command)).peak };
}
