/**
 * Times conversions against what the disk can do, in the same minute, and prints medians and ratios.
 *
 *     npm run bench                     everything, three times
 *     npm run bench -- --quick          300 MB sources, once
 *     BENCH_DIR=/mnt/disk npm run bench on another disk
 *     REAL_STACK='python import.py' …   also times the real import: called with SOURCE and TARGET
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { makeLlama } from './sources.js';

const BIN = new URL('../packages/cli/bin/nemotron.js', import.meta.url).pathname;
const QUICK = process.argv.includes('--quick');
const ROUNDS = QUICK ? 1 : 3;
const GB = QUICK ? 0.3e9 : 3e9;
const LARGE = { hidden: 2048, width: 8192, vocab: 32768, heads: 32, groups: 8 };
const SMALL = { hidden: 64, width: 160, vocab: 256, heads: 4, groups: 2 };

const root = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), 'nemotron-bench-'));
process.on('exit', () => rmSync(root, { recursive: true, force: true }));
const target = join(root, 'target');

const shell = (command) => () => execFileSync('sh', ['-c', command], { stdio: 'ignore' });

/** Runs the CLI and keeps the highest VmHWM seen; it never falls, so the last reading is the peak. */
function convert(source, options) {
  return () =>
    new Promise((resolve, reject) => {
      const words = [`hf_model_id=${source}`, `megatron_path=${target}`, ...options];
      const child = spawn(
        process.execPath,
        [BIN, 'steps', 'run', 'convert/hf_to_megatron', ...words, '--quiet'],
        {
          stdio: ['ignore', 'ignore', 'inherit'],
        },
      );
      let peak = 0;
      const poll = setInterval(() => {
        try {
          peak = Number(
            /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? peak,
          );
        } catch {
          // Gone between two polls.
        }
      }, 20);
      child.on('close', (code) => {
        clearInterval(poll);
        if (code === 0) resolve(peak);
        else reject(new Error(`conversion exited with ${code}`));
      });
    });
}

async function median(run) {
  const times = [];
  let peak = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    rmSync(target, { recursive: true, force: true });
    execFileSync('sync');
    const began = performance.now();
    peak = Math.max(peak, (await run()) ?? 0);
    times.push((performance.now() - began) / 1000);
  }
  rmSync(target, { recursive: true, force: true });
  return { seconds: times.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)], peak };
}

async function section(title, source, bytes, written, baselines, modes) {
  console.log(
    `\n## ${title}: ${(bytes / 1e9).toFixed(2)} GB read, ${(written / 1e9).toFixed(2)} GB written\n`,
  );
  console.log('| what | median s | GB/s written | peak RSS MB | against dd |');
  console.log('|---|---|---|---|---|');
  const dd = await median(
    shell(`dd if=/dev/zero of=${target} oflag=direct bs=8M count=${Math.ceil(written / (8 << 20))}`),
  );
  const row = (name, { seconds, peak }) => {
    const rate = (written / 1e9 / seconds).toFixed(2);
    const memory = peak > 0 ? (peak / 1000).toFixed(0) : '';
    console.log(
      `| ${name} | ${seconds.toFixed(2)} | ${rate} | ${memory} | ${(seconds / dd.seconds).toFixed(2)} |`,
    );
  };
  row('dd oflag=direct bs=8M', dd);
  for (const [name, command] of baselines) row(name, await median(shell(command)));
  for (const mode of modes) row(`nemotron ${mode.join(' ')}`.trim(), await median(convert(source, mode)));
  const real = process.env.REAL_STACK;
  if (real !== undefined) row('real stack', await median(shell(`${real} ${source} ${target}`)));
}

const copy = (source) => ['cp -r + sync', `cp -r ${source} ${target} && sync`];
const MODES = [
  [],
  ['write_mode=dontcache'],
  ['write_mode=buffered'],
  ['read_mode=direct'],
  ['read_mode=mmap'],
];

console.log(
  `# ${new Date().toISOString().slice(0, 10)}, ${cpus().length} x ${cpus()[0]?.model}, ${(totalmem() / 1e9).toFixed(0)} GB memory`,
);
const bf16 = join(root, 'bf16');
const half = makeLlama(bf16, LARGE, 'BF16', GB);
await section('bf16 to bf16', bf16, half.bytes, half.bytes, [copy(bf16)], MODES);
rmSync(bf16, { recursive: true });

const f32 = join(root, 'f32');
const full = makeLlama(f32, LARGE, 'F32', GB);
await section('f32 to bf16', f32, full.bytes, full.bytes / 2, [copy(f32)], [[]]);
rmSync(f32, { recursive: true });

const small = join(root, 'small');
const many = makeLlama(small, SMALL, 'BF16', QUICK ? 20e6 : 50_000 * 9e3);
console.log(`\n${many.tensors} small tensors`);
await section(
  'small tensors',
  small,
  many.bytes,
  many.bytes,
  [['tar', `tar cf ${target} -C ${small} . && sync`], copy(small)],
  [[]],
);
rmSync(small, { recursive: true });

const { bavail, bsize } = statfsSync(root);
const beyond = totalmem() * 1.2;
if (!QUICK && process.argv.includes('--beyond-memory') && bavail * bsize > beyond * 2.2) {
  const large = join(root, 'large');
  mkdirSync(large);
  const { bytes } = makeLlama(large, LARGE, 'BF16', beyond);
  await section('larger than memory', large, bytes, bytes, [], [[]]);
}
