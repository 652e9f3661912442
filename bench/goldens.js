import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { convert } from '@nemotron-convert/convert';
import { parsePythonJson } from '@nemotron-convert/core';
import { inspectCheckpoint, inspectTensor } from '@nemotron-convert/native';

const TESTS = new URL('../test/', import.meta.url).pathname;
const AT_A_TIME = 8;

/** Converts every fixture on a device as its goldens tell, and compares each tensor's digest with the recorded one. */
export async function compareGoldens(device, dir) {
  const files = readdirSync(join(TESTS, 'golden'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => readdirSync(join(TESTS, 'golden', name)).map((file) => [name, file]))
    .filter(([, file]) => file.endsWith('.json'));
  const wrong = [];
  let compute = device;
  const todo = files.entries();
  const work = async () => {
    for (const [number, [name, file]] of todo) {
      const megatronPath = join(dir, `golden-${number}`);
      const options = { hfModelId: join(TESTS, 'fixtures', name), megatronPath, ...optionsOf(file) };
      try {
        const report = await convert({ ...options, deviceMap: device });
        compute = report.compute;
        if (!(await isGolden(megatronPath, name, file))) wrong.push(`${name}/${file}`);
      } catch (error) {
        wrong.push(`${name}/${file}: ${error.message}`);
      }
      rmSync(megatronPath, { recursive: true, force: true });
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  return { compared: files.length, wrong, compute };
}

function optionsOf(file) {
  const [tp = 1, pp = 1, ep = 1, etp = 1] =
    /tp(\d+)pp(\d+)ep(\d+)etp(\d+)/.exec(file)?.slice(1).map(Number) ?? [];
  const dtype = /(float16|float32)/.exec(file)?.[1] ?? 'bfloat16';
  return { dtype, target: file.includes('head') ? '0.7.0' : '0.3.1', tp, pp, ep, etp };
}

async function isGolden(path, name, file) {
  const { tensors } = parsePythonJson(readFileSync(join(TESTS, 'golden', name, file), 'utf8'));
  const iteration = join(path, 'iter_0000000');
  const written = (await inspectCheckpoint(iteration)).tensors;
  if (written.length !== Object.keys(tensors).length) return false;
  for (const { key } of written)
    if ((await inspectTensor(iteration, key)).sha256 !== tensors[key]?.sha256) return false;
  return true;
}
