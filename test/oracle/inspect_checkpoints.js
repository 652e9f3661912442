/**
 * Inspects checkpoints that the real stack wrote, and compares each tensor's dtype, shape, chunks and hash with what the
 * stack itself recorded of it.
 *
 *     node test/oracle/inspect_checkpoints.js DIR/0.3.1 expected.json
 *     node test/oracle/inspect_checkpoints.js DIR/0.7.0 expected.head.json
 *
 * DIR/<version>/<name> is what `record_goldens.py --keep DIR/<version>` leaves of test/fixtures/<name> or test/wide/<name>.
 * Exit code 1 on any difference.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect, inspectTensor, verify } from '@nemotron-convert/convert';

/** Megatron-Bridge 0.3.1 rounds it, and the recorded truth is the exact one. */
const ROUNDED = /\.router\.expert_bias$/;
const GOLDENS = ['../golden', '../wide'].map((path) => new URL(path, import.meta.url).pathname);
const [dir, file] = process.argv.slice(2);

async function differences(path, tensors) {
  const found = await inspect(path);
  const faults = (await verify({ path })).faults.map((fault) => JSON.stringify(fault));
  const names = found.tensors.map(({ name }) => name);
  faults.push(...Object.keys(tensors).filter((name) => !names.includes(name)));
  for (const { name, dtype, shape, chunks } of found.tensors) {
    const want = tensors[name];
    const { sha256 } = await inspectTensor(path, name);
    const same = want?.dtype === dtype && want.shape.join() === shape.join() && want.chunks.length === chunks;
    if (!same || (want.sha256 !== sha256 && !ROUNDED.test(name))) faults.push(name);
  }
  return { tensors: names.length, faults };
}

let [checkpoints, tensors] = [0, 0];
for (const name of readdirSync(dir).sort()) {
  // Python writes Infinity and NaN, which JSON does not know; the tensors' part has neither.
  const golden = GOLDENS.map((root) => join(root, name, file)).find(existsSync);
  if (golden === undefined) throw new Error(`${name} has no ${file}`);
  const text = readFileSync(golden, 'utf8').replace(/: (-?Infinity|NaN)/g, ': null');
  const result = await differences(join(dir, name), JSON.parse(text).tensors);
  checkpoints += 1;
  tensors += result.tensors;
  if (result.faults.length === 0) continue;
  process.exitCode = 1;
  console.log(`${name}: ${result.faults.slice(0, 5).join(', ')} (${result.faults.length})`);
}
console.log(`${checkpoints} checkpoints with ${tensors} tensors inspected`);
