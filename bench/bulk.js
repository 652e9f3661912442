/**
 * Times one `nemotron bulk` run of many small models and a few large ones against the time that dd takes for as many bytes,
 * measured just before and just after. Sources of one kind are hard links of a few: what is read is in the page cache.
 *
 *     node bench/bulk.js                1,000 models of 11 MB and 5 of 0.9 GB: 16 GB of targets, 1 GB of sources
 *     node bench/bulk.js --quick        a tenth of the models
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
const SAMPLE_BYTES = 2e9;

const root = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), 'nemotron-bulk-bench-'));
process.on('exit', () => rmSync(root, { recursive: true, force: true }));
process.on('SIGINT', () => process.exit(130));

const models = join(root, 'models');
const out = join(root, 'out');
for (const kind of KINDS) {
  const made = Array.from({ length: kind.distinct }, (_, n) => {
    const dir = join(root, 'distinct', `${kind.name}-${n}`);
    return { dir, ...makeLlama(dir, kind.sizes, 'BF16', kind.of) };
  });
  for (let n = 0; n < kind.count; n += 1) {
    linkAll(made[n % made.length].dir, join(models, `${kind.name}-${String(n).padStart(4, '0')}`));
  }
  console.error(
    `${kind.count} ${kind.name} sources of ${(made[0].bytes / 1e6).toFixed(1)} MB, ${made[0].tensors} tensors`,
  );
}
const manifest = join(root, 'manifest.yaml');
const report = join(root, 'report.json');
writeFileSync(manifest, `models: [{source: '${models}/*', output: '${out}/{name}'}]\nreport: ${report}\n`);

execFileSync('sync');
const before = direct();
const began = performance.now();
const { peak, user, system } = await watched(
  'nemotron bulk',
  ...nemotron('bulk', manifest, ...OVERRIDES, '--quiet'),
);
const seconds = (performance.now() - began) / 1000;
const after = direct();

const { converted, bytesWritten } = JSON.parse(readFileSync(report, 'utf8'));
const ondisk = treeBytes(out);
const rate = 2 / (1 / before + 1 / after);
const alone = ondisk / rate;
const machine = `${cpus().length} x ${cpus()[0]?.model.trim()}, ${(totalmem() / 1e9).toFixed(0)} GB memory`;
console.log(
  `# ${new Date().toISOString().slice(0, 10)}: ${machine}, Linux ${release()}, Node ${process.version}\n`,
);
console.log(
  '| models | GB of data files | GB on disk | s | dd s | ratio | user s | system s | peak MiB | ms of processor a model |',
);
console.log('|---|---|---|---|---|---|---|---|---|---|');
const cells = [
  converted,
  (bytesWritten / 1e9).toFixed(2),
  (ondisk / 1e9).toFixed(2),
  seconds.toFixed(2),
  `${alone.toFixed(2)} (${(before / 1e9).toFixed(2)} and ${(after / 1e9).toFixed(2)} GB/s)`,
  (seconds / alone).toFixed(2),
  user.toFixed(1),
  system.toFixed(1),
  (peak / 1024).toFixed(0),
  (((user + system) * 1000) / converted).toFixed(1),
];
console.log(`| ${cells.join(' | ')} |`);

function linkAll(from, to) {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) linkSync(join(from, name), join(to, name));
}

/** Bytes a second of dd's direct writes. */
function direct() {
  const path = join(root, 'dd');
  const count = Math.ceil(SAMPLE_BYTES / (8 << 20));
  const started = performance.now();
  execFileSync('dd', ['if=/dev/zero', `of=${path}`, 'oflag=direct', 'bs=8M', `count=${count}`], {
    stdio: 'ignore',
  });
  const taken = (performance.now() - started) / 1000;
  rmSync(path);
  execFileSync('sync');
  return (count * (8 << 20)) / taken;
}

function treeBytes(dir) {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
