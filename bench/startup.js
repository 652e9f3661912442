// Start-up of the commands that load no native code. Usage: node bench/startup.js [runs]
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../packages/cli/bin/nemotron.js', import.meta.url));
const RUNS = Number(process.argv[2] ?? 20);
const COMMANDS = [
  ['--help'],
  ['steps', 'list'],
  ['steps', 'show', 'hf_to_megatron'],
  ['steps', 'run', 'hf_to_megatron', '-d'],
];

for (const words of [undefined, ...COMMANDS]) {
  const args = words === undefined ? ['-e', '0'] : [BIN, ...words];
  const times = Array.from({ length: RUNS }, () => {
    const began = performance.now();
    const { status } = spawnSync(process.execPath, args);
    if (status !== 0) throw new Error(`${args.join(' ')}: exit ${status}`);
    return performance.now() - began;
  }).sort((a, b) => a - b);
  const name = words === undefined ? 'node alone' : `nemotron ${words.join(' ')}`;
  const [median, worst] = [times[RUNS >> 1], times.at(-1)].map((time) => `${Math.round(time)} ms`);
  console.log(`${name.padEnd(40)} median ${median}, slowest ${worst}`);
}
