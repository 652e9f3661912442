/**
 * Times `nemotron bulk` runs of many small models and a few large ones, each between two runs of dd that write as many bytes:
 * a disk that writes 2 GB fast may not do so for 16. Sources of one kind are hard links of a few: what is read is in the page
 * cache.
 *
 *     node bench/bulk.js                1,000 models of 11 MB and 5 of 0.9 GB, three times: 16 GB of targets, 1 GB of sources
 *     node bench/bulk.js --quick        a tenth of the models, once
 *     BENCH_DIR=/mnt/disk node bench/bulk.js budget.concurrent=8
 */
import { execFileSync } from 'node:child_process';
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { nemotron, watched } from './runs.js';
import { makeLlama } from './sources.js';

const words = process.argv.slice(2);
const QUICK = words.includes('--quick');
const OVERRIDES = words.filter((word) => word.includes('='));
const KINDS = [
  {
    name: 'small',
    count: QUICK ? 100 : 1000,
    distinct: 10,
    sizes: { hidden: 256, width: 512, vocab: 4096, heads: 4, groups: 2 },
    of: { layers: 6 },
  },
  {
    name: 'large',
    count: QUICK ? 1 : 5,
    distinct: 1,
    sizes: { hidden: 2048, width: 8192, vocab: 32768, heads: 32, groups: 8 },
    of: { bytes: 8e8 },
  },
];
const ROUNDS = QUICK ? 1 : 3;

const root = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), 'nemotron-bulk-bench-'));
process.on('exit', () => rmSync(root, { recursive: true, force: true }));
process.on('SIGINT', () => process.exit(130));

const models = join(root, 'models');
for (const kind of KINDS) {
  const made = Array.from({ length: kind.distinct }, (_, n) => {
    const dir = join(root, 'distinct', `${kind.name}-${n}`);
    return { dir, ...makeLlama(dir, kind.sizes, 'BF16', kind.of) };
  });
  for (let n = 0; n < kind.count; n += 1) {
    linkAll(made[n % made.length].dir, join(models, `${kind.name}-${String(n).padStart(4, '0')}`));
  }
  kind.bytes = made[0].bytes;
  console.error(
    `${kind.count} ${kind.name} sources of ${(made[0].bytes / 1e6).toFixed(1)} MB, ${made[0].tensors} tensors`,
  );
}
const machine = `${cpus().length} x ${cpus()[0]?.model.trim()}, ${(totalmem() / 1e9).toFixed(0)} GB memory`;
console.log(
  `# ${new Date().toISOString().slice(0, 10)}: ${machine}, Linux ${release()}, Node ${process.version}\n`,
);
console.log(
  '| models | GB of data files | GB on disk | s | dd s before, after | ratio | user s | system s | peak MiB | ms of processor a model |',
);
console.log('|---|---|---|---|---|---|---|---|---|---|');
const expected = KINDS.reduce((sum, { count, bytes }) => sum + count * bytes, 0);
const ratios = [];
let before = direct(expected);
for (let round = 0; round < ROUNDS; round += 1) {
  const out = join(root, `out-${round}`);
  const manifest = join(root, 'manifest.yaml');
  const report = join(root, 'report.json');
  writeFileSync(manifest, `models: [{source: '${models}/*', output: '${out}/{name}'}]\nreport: ${report}\n`);
  execFileSync('sync');
  const began = performance.now();
  const { peak, user, system } = await watched(
    'nemotron bulk',
    ...nemotron('bulk', manifest, ...OVERRIDES, '--quiet'),
  );
  const seconds = (performance.now() - began) / 1000;
  const { converted, bytesWritten } = JSON.parse(readFileSync(report, 'utf8'));
  const ondisk = emptied(out);
  const after = direct(expected);
  const alone = (((before + after) / 2) * ondisk) / expected;
  ratios.push(seconds / alone);
  const cells = [
    converted,
    (bytesWritten / 1e9).toFixed(2),
    (ondisk / 1e9).toFixed(2),
    seconds.toFixed(2),
    `${before.toFixed(2)}, ${after.toFixed(2)}`,
    (seconds / alone).toFixed(2),
    user.toFixed(1),
    system.toFixed(1),
    (peak / 1024).toFixed(0),
    (((user + system) * 1000) / converted).toFixed(1),
  ];
  console.log(`| ${cells.join(' | ')} |`);
  before = after;
}
console.log(`\nmedian ratio: ${ratios.sort((a, b) => a - b)[ROUNDS >> 1].toFixed(2)}`);

function linkAll(from, to) {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) linkSync(join(from, name), join(to, name));
}

/** Seconds that dd takes to write so many bytes directly. */
function direct(bytes) {
  const path = join(root, 'dd');
  execFileSync('sync');
  const started = performance.now();
  execFileSync(
    'dd',
    ['if=/dev/zero', `of=${path}`, 'oflag=direct', 'bs=8M', `count=${Math.ceil(bytes / (8 << 20))}`],
    { stdio: 'ignore' },
  );
  const taken = (performance.now() - started) / 1000;
  rmSync(path);
  return taken;
}

/**
 * Bytes of the files in a folder, of which the data files are removed. The rest stays: ext4 passes over inodes that were
 * removed within minutes one by one, and the next round would pay for it.
 */
function emptied(dir) {
  let bytes = 0;
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    bytes += statSync(path).size;
    if (entry.name.endsWith('.distcp')) rmSync(path);
  }
  return bytes;
}
