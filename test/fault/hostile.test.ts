import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { convertStep, ROOT } from '../support/cli.js';
import { FIXTURES } from '../support/golden.js';
import { CHECKPOINTS, FOLDERS, INDICES, SAFETENSORS } from '../support/hostile-files.js';

const MEMORY = 100 * 2 ** 20;
/** For all files together, with whatever else the machine does: one that hangs or grinds shows. */
const TIMEOUT = 120_000;
/** Of the processor for one file: unlike time on a clock it does not grow with what else the machine does. */
const SECONDS = 1;
const HEAP = '--max-old-space-size=64';

const dir = mkdtempSync(join(tmpdir(), 'nemotron-hostile-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('each of the hostile files is an error, in little memory and time', async () => {
  const sound = join(dir, 'sound');
  const made = await convertStep({ hf_model_id: join(FIXTURES, 'llama'), megatron_path: sound });
  expect(made.exit).toBe(0);

  const files = join(dir, 'files');
  mkdirSync(files);
  const paths: string[] = [];
  const add = (
    ending: string,
    table: Readonly<Record<string, (path: string, sound: string) => void>>,
  ): void => {
    for (const [name, write] of Object.entries(table)) {
      const path = join(files, `${name}${ending}`);
      write(path, sound);
      paths.push(path);
    }
  };
  add('.safetensors', SAFETENSORS);
  add('', FOLDERS);
  add('.checkpoint', INDICES);
  add('.checkpoint', CHECKPOINTS);
  expect(paths.length).toBeGreaterThanOrEqual(60);

  const list = join(dir, 'list.json');
  writeFileSync(list, JSON.stringify(paths));
  const reader = join(ROOT, 'test/support/read-hostile.js');
  const out = execFileSync(process.execPath, [HEAP, reader, list, sound], { timeout: TIMEOUT, cwd: ROOT });
  const { outcomes, growth } = JSON.parse(out.toString()) as {
    readonly outcomes: Readonly<Record<string, { readonly came: string; readonly seconds: number }>>;
    readonly growth: number;
  };
  const wrong = Object.entries(outcomes).filter(
    ([, { came, seconds }]) =>
      !/^(SOURCE|CHECKPOINT)_|^READ_FAILED$|^faults$/.test(came) || seconds >= SECONDS,
  );
  expect(wrong).toEqual([]);
  expect(growth).toBeLessThan(MEMORY);
}, 300_000);
