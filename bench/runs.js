import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

const BIN = new URL('../packages/cli/bin/nemotron.js', import.meta.url).pathname;

/** A shell command under a name. */
export function shell(name, command) {
  return { name, run: async () => void execFileSync('sh', ['-c', command], { stdio: 'ignore' }) };
}

/** A conversion, which tells its VmHWM in kB: the figure never falls, so that the last reading is the peak. */
export function conversion(name, { source, target, options }) {
  const words = [`hf_model_id=${source}`, `megatron_path=${target}`, ...options];
  const argv = [BIN, 'steps', 'run', 'convert/hf_to_megatron', ...words, '--quiet'];
  const run = () =>
    new Promise((resolve, reject) => {
      const child = spawn(process.execPath, argv, { stdio: ['ignore', 'ignore', 'inherit'] });
      let peak = 0;
      const poll = setInterval(() => {
        try {
          const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
          peak = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? peak);
        } catch {
          // Gone between two polls.
        }
      }, 20);
      child.on('close', (code) => {
        clearInterval(poll);
        if (code === 0) resolve(peak);
        else reject(new Error(`${name}: exit ${code}`));
      });
    });
  return { name, run };
}
