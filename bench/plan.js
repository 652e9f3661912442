/**
 * Times the plan of DeepSeek-V3, 91,991 tensors in 62 files, from headers alone: the files are as long as the published
 * ones and hold no data. Each round is a process of its own; the time inside it is that of the library's `plan`.
 *
 *     node bench/plan.js [ROUNDS]
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeDeepSeekV3 } from './headers.js';

const ROUNDS = Number(process.argv[2] ?? 5);
const LIBRARY = new URL('../packages/convert/dist/index.js', import.meta.url).href;
const root = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), 'nemotron-plan-'));
process.on('exit', () => rmSync(root, { recursive: true, force: true }));

const source = join(root, 'source');
const tensors = makeDeepSeekV3(source);
const script = `
  const { plan } = await import(${JSON.stringify(LIBRARY)});
  const used = process.cpuUsage();
  const start = performance.now();
  const made = await plan({ hfModelId: ${JSON.stringify(source)}, megatronPath: ${JSON.stringify(join(root, 'target'))} });
  const time = performance.now() - start;
  const { user, system } = process.cpuUsage(used);
  console.log(JSON.stringify([time, made.tensors, made.parameters, (user + system) / 1e3]));
`;
const rounds = Array.from({ length: ROUNDS }, () =>
  JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })),
);
const times = rounds.map(([time]) => time).sort((a, b) => a - b);
const [, keys, parameters] = rounds[0];
const busy = Math.min(...rounds.map((round) => round[3]));
console.log(`${tensors} tensors, ${parameters} parameters in ${keys} keys`);
console.log(
  `median ${Math.round(times[times.length >> 1])} ms, best ${Math.round(times[0])} ms of ${ROUNDS}; ${Math.round(busy)} ms of CPU at least`,
);
