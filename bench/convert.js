/**
 * Times conversions against what the disk can do and prints medians. A round runs everything once, one after the other,
 * and a ratio is the median of the rounds' own: a machine that others use, too, changes from minute to minute.
 *
 *     npm run bench                     everything, three rounds
 *     npm run bench -- --quick          sources of a tenth, one round
 *     npm run bench -- small f32        some of bf16, f32, small, large
 *     BENCH_DIR=/mnt/disk npm run bench on another disk
 *     REAL_STACK='python import.py' …   also times the real import: called with SOURCE and TARGET
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { conversion, shell } from './runs.js';
import { makeLlama } from './sources.js';
import { measure, print } from './table.js';

const words = process.argv.slice(2);
const QUICK = words.includes('--quick');
const CHOSEN = words.filter((word) => !word.startsWith('--'));
const SCALE = QUICK ? 0.1 : 1;
const ROUNDS = QUICK ? 1 : 3;
const LARGE = { hidden: 2048, width: 8192, vocab: 32768, heads: 32, groups: 8 };
/** Weights of 8 to 64 KB, seven of nine tensors; the rest are norms. */
const SMALL = { hidden: 128, width: 256, vocab: 256, heads: 4, groups: 1 };
const SMALL_LAYERS = 5556;
const MODES = [
  [],
  ['write_mode=direct'],
  ['write_mode=dontcache'],
  ['write_mode=buffered'],
  ['read_mode=pread'],
  ['read_mode=direct'],
  ['read_mode=mmap'],
  ['zero_copy=copy_file_range'],
];

const root = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), 'nemotron-bench-'));
process.on('exit', () => rmSync(root, { recursive: true, force: true }));
process.on('SIGINT', () => process.exit(130));
const source = join(root, 'source');
const target = join(root, 'target');

const direct = (bytes) =>
  shell('dd oflag=direct bs=8M', `dd if=/dev/zero of=${target} oflag=direct bs=8M count=${mega8(bytes)}`);
const read = () =>
  shell(
    'dd iflag=direct of the source',
    `for f in ${source}/*.safetensors; do dd if=$f of=/dev/null iflag=direct bs=8M; done`,
  );
/** As a source is that was not used of late: `dd` with a count of nothing has the system forget a file's pages. */
const cold = (run) => ({
  ...run,
  name: `${run.name}, source not cached`,
  before: () => forget(),
});
const forget = () => {
  for (const name of readdirSync(source)) {
    execFileSync('dd', [`if=${join(source, name)}`, 'iflag=nocache', 'count=0'], { stdio: 'ignore' });
  }
};
const copy = () => shell('cp -r + sync', `cp -r ${source} ${target} && sync`);
const tar = () => shell('tar + sync', `tar cf ${target} -C ${source} . && sync`);
const mega8 = (bytes) => Math.ceil(bytes / (8 << 20));

const SECTIONS = {
  bf16: {
    title: 'bf16 to bf16',
    make: () => makeLlama(source, LARGE, 'BF16', { bytes: 3e9 * SCALE }),
    runs: ({ bytes }) => [direct(bytes), copy(), ...MODES.map(ours), cold(ours([])), ...realStack()],
  },
  f32: {
    title: 'f32 to bf16',
    make: () => makeLlama(source, LARGE, 'F32', { bytes: 3e9 * SCALE }),
    written: 0.5,
    runs: ({ bytes }) => [direct(bytes / 2), read(), copy(), ours([]), cold(ours([]))],
  },
  small: {
    title: 'many small tensors',
    make: () => makeLlama(source, SMALL, 'BF16', { layers: Math.round(SMALL_LAYERS * SCALE) }),
    runs: ({ bytes }) => [direct(bytes), tar(), copy(), ours([])],
  },
  large: {
    title: 'larger than memory',
    make: () => makeLlama(source, LARGE, 'BF16', { bytes: totalmem() * 1.1 * SCALE }),
    needed: totalmem() * 1.1 * SCALE * 2.1,
    runs: ({ bytes }) => [direct(bytes), ours([]), ours(['read_mode=pread'])],
    rounds: 1,
  },
};

const ours = (mode) => conversion(`nemotron ${mode.join(' ')}`.trim(), { source, target, options: mode });
const realStack = () =>
  process.env.REAL_STACK === undefined
    ? []
    : [shell('real stack', `${process.env.REAL_STACK} ${source} ${target}`)];

const machine = `${cpus().length} x ${cpus()[0]?.model.trim()}, ${(totalmem() / 1e9).toFixed(0)} GB memory`;
console.log(
  `# ${new Date().toISOString().slice(0, 10)}: ${machine}, Linux ${release()}, Node ${process.version}`,
);
for (const [name, section] of Object.entries(SECTIONS)) {
  if (CHOSEN.length > 0 && !CHOSEN.includes(name)) continue;
  const { bavail, bsize } = statfsSync(root);
  if (bavail * bsize < (section.needed ?? 0) + 1e9) {
    console.log(`\n${section.title}: left out, the disk has ${(bavail * bsize) / 1e9} GB free`);
    continue;
  }
  const made = section.make();
  const written = made.bytes * (section.written ?? 1);
  console.log(
    `\n## ${section.title}: ${made.tensors} tensors, ${gigabytes(made.bytes)} read, ${gigabytes(written)} written\n`,
  );
  const clear = () => rmSync(target, { recursive: true, force: true });
  print(await measure(section.runs(made), section.rounds ?? ROUNDS, clear), written);
  if (existsSync(source)) rmSync(source, { recursive: true });
}

function gigabytes(bytes) {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}
