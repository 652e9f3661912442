/**
 * Conversions on a GPU against the CPU of the same machine, memory to memory: the bytes, and how long each takes.
 *
 *     node bench/gpu.js                          everything
 *     node bench/gpu.js goldens fp8              some of goldens, bf16, f32, fp8, mxfp4
 *     node bench/gpu.js fp8 --cores=16,4,1 --gigabytes=8 --rounds=3 --devices=cpu+cuda:0,1+auto
 *
 * `goldens` converts every fixture as the real stack did and compares tensors with what it wrote. The others make a
 * source whose target has so many gigabytes, and convert it on each device in turns with so many cores; medians, and
 * ratios to the first device. BENCH_DIR is a folder in memory, /dev/shm if not set.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { compareGoldens } from './goldens.js';
import { makeFloat8Llama, makeGptOss, makeLlama } from './sources.js';

const BIN = new URL('../node_modules/nemotron-convert/bin/nemotron.js', import.meta.url).pathname;
const LARGE = { hidden: 4096, width: 14336, vocab: 32768, heads: 32, groups: 8 };
/** Gigabytes of a layer in bfloat16, and of the embeddings. */
const [LAYER, ENDS, EXPERTS] = [0.436, 0.537, 1.65];

const words = process.argv.slice(2);
const parts = words.filter((word) => !word.startsWith('--'));
const option = (name, fallback) =>
  words.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3) ?? fallback;
const gigabytes = Number(option('gigabytes', 8));
const rounds = Number(option('rounds', 3));
const cores = option('cores', String(availableParallelism())).split(',').map(Number);
const devices = option('devices', 'cpu+cuda:0').split('+');

const root = mkdtempSync(join(process.env.BENCH_DIR ?? '/dev/shm', 'nemotron-gpu-'));
process.on('exit', () => rmSync(root, { recursive: true, force: true }));
process.on('SIGINT', () => process.exit(130));
const source = join(root, 'source');
const layers = Math.max(1, Math.round((gigabytes - ENDS) / LAYER));

const SOURCES = {
  bf16: () => makeLlama(source, LARGE, 'BF16', { layers }),
  f32: () => makeLlama(source, LARGE, 'F32', { layers }),
  fp8: () => makeFloat8Llama(source, LARGE, layers),
  mxfp4: () => makeGptOss(source, Math.max(1, Math.round(gigabytes / EXPERTS))),
};

const chosen = (part) => parts.length === 0 || parts.includes(part);
if (chosen('goldens')) {
  const device = devices.find((name) => name !== 'cpu') ?? 'cpu';
  const { compared, wrong, compute } = await compareGoldens(device, root);
  console.log([`${compared} goldens on ${compute}: ${wrong.length} differ`, ...wrong].join('\n'));
  if (wrong.length > 0) process.exitCode = 1;
}
const timed = Object.keys(SOURCES).filter(chosen);
if (timed.length > 0) await time(timed);

async function time(names) {
  console.log(
    `\n| source | target GB | cores | ${devices.map((name) => `${name} s | GB/s |`).join(' ')} ratio |`,
  );
  console.log(`|---|---|---|${devices.map(() => '---|---|').join('')}---|`);
  for (const name of names) {
    SOURCES[name]();
    for (const count of cores) {
      const seconds = devices.map(() => []);
      const computed = [];
      let written = 0;
      for (let round = 0; round < rounds; round += 1) {
        // In turns from the front and from the back: what runs later finds another memory.
        const order = [...devices.entries()];
        for (const [at, device] of round % 2 ? order.reverse() : order) {
          const target = join(root, `target-${at}`);
          rmSync(target, { recursive: true, force: true });
          const began = performance.now();
          const report = await convert(target, device, count);
          seconds[at].push((performance.now() - began) / 1000);
          written = report.bytesWritten / 1e9;
          computed[at] = [device, report.compute, report.computeReason]
            .filter((word) => word !== null)
            .join(': ');
        }
      }
      // Once a source; the cores change nothing.
      if (count === cores[0]) for (let at = 1; at < devices.length; at += 1) compare(at);
      const medians = seconds.map(
        (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)],
      );
      const cells = medians.map((value) => `${value.toFixed(2)} | ${(written / value).toFixed(2)} |`);
      const ratios = medians.slice(1).map((value) => (value / medians[0]).toFixed(2));
      console.log(`| ${name} | ${written.toFixed(1)} | ${count} | ${cells.join(' ')} ${ratios.join(', ')} |`);
      if (devices.includes('auto')) console.log(`\n${computed.join('; ')}\n`);
    }
    for (const entry of readdirSync(root)) rmSync(join(root, entry), { recursive: true });
  }
}

/** The whole command; resolves to its report. */
function convert(target, device, count) {
  const argv = [
    BIN,
    'steps',
    'run',
    'convert/hf_to_megatron',
    `hf_model_id=${source}`,
    `megatron_path=${target}`,
  ];
  const options = [`device_map=${device}`, 'verify=none', '--json'];
  const all = ['-c', `0-${count - 1}`, process.execPath, ...argv, ...options];
  return new Promise((resolve, reject) => {
    const child = spawn('taskset', all, { stdio: ['ignore', 'pipe', 'pipe'] });
    const [out, err] = [[], []];
    child.stdout.on('data', (data) => out.push(data));
    child.stderr.on('data', (data) => err.push(data));
    child.on('close', (code) =>
      code === 0
        ? resolve(JSON.parse(Buffer.concat(out).toString()))
        : reject(new Error(`${device}: exit ${code}: ${Buffer.concat(err)}`)),
    );
  });
}

/** Data files of a target are those of the first device's, byte by byte. */
function compare(at) {
  const folder = (number) => join(root, `target-${number}`, 'iter_0000000');
  for (const name of readdirSync(folder(0)).filter((file) => file.endsWith('.distcp')))
    execFileSync('cmp', [join(folder(0), name), join(folder(at), name)]);
}
