import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatBytes } from '@nemotron-convert/core';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { planExport } from '../../packages/convert/src/headers.js';
import type { PlanSummary } from '../../packages/convert/src/index.js';
import { convertStep, nemotron, ROOT } from '../support/cli.js';
import { FIXTURES } from '../support/golden.js';

const NAMES = ['chromium', 'chromium-headless-shell', 'google-chrome', 'chromium-browser'];
const found = NAMES.map((name) => spawnSync('which', [name], { encoding: 'utf8' }).stdout?.trim() ?? '');
const browserPath = process.env['CHROMIUM'] ?? found.find((path) => path !== '') ?? '';
const dir = mkdtempSync(join(tmpdir(), 'nemotron-web-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test.skipIf(browserPath !== '')(
  `the page is not tested: there is no Chromium (${NAMES.join(', ')}, or the path that CHROMIUM names)`,
  (context) => context.skip(),
);

/** The built page in a real browser, against what the command says of the same directories. */
describe.skipIf(browserPath === '')('the page in Chromium', () => {
  let browser: Browser;
  let page: Page;
  let close: () => Promise<void>;
  const broken: string[] = [];

  beforeAll(async () => {
    const { preview } = await import('vite');
    expect(existsSync(join(ROOT, 'packages/web/dist/index.html')), 'npm run build').toBe(true);
    const server = await preview({
      configFile: join(ROOT, 'packages/web/vite.config.js'),
      preview: { host: '127.0.0.1', port: 0 },
      logLevel: 'silent',
    });
    browser = await chromium.launch({ executablePath: browserPath, args: ['--no-sandbox'] });
    close = async () => {
      await browser.close();
      await server.close();
    };
    page = await browser.newPage();
    page.on('pageerror', (error) => broken.push(error.message));
    page.on('request', (request) => {
      if (new URL(request.url()).hostname !== '127.0.0.1') broken.push(request.url());
    });
    await page.goto(server.resolvedUrls?.local[0] ?? '');
  });
  afterAll(async () => {
    await close();
    expect(broken).toEqual([]);
  });

  /** Waits until the page has answered. */
  async function settled(work: () => Promise<unknown>): Promise<void> {
    await page.evaluate(() => {
      const status = document.getElementById('status');
      if (status !== null) status.textContent = 'not asked yet';
    });
    await work();
    await page.waitForFunction(() => {
      const text = (id: string) => document.getElementById(id)?.textContent ?? '';
      return !/not asked|reading headers|planning/.test(text('status'));
    });
  }

  const choose = (path: string) => settled(() => page.setInputFiles('#folder', path));
  beforeEach(() => page.locator('#choice').evaluate((form: HTMLFormElement) => form.reset()));
  const fill = (name: string, value: string) => settled(() => page.fill(`[name=${name}]`, value));

  /** What a list of names and texts shows; texts of one name are together. */
  async function shown(list: string): Promise<Record<string, string[]>> {
    const texts = await page.locator(`#${list} > *`).allTextContents();
    const rows: Record<string, string[]> = {};
    for (let at = 0; at < texts.length; at += 2) {
      const [name = '', text = ''] = texts.slice(at, at + 2);
      rows[name] = [...(rows[name] ?? []), text];
    }
    return rows;
  }

  async function planOf(source: string, words: readonly string[]): Promise<PlanSummary> {
    const target = [`hf_model_id=${source}`, `megatron_path=${join(dir, 'planned')}`, 'zero_copy=off'];
    const { stdout, stderr } = await nemotron(['plan', '--json', ...target, ...words]);
    expect(stderr).toBe('');
    return JSON.parse(stdout) as PlanSummary;
  }

  for (const [name, sizes] of [
    ['nemotron-h-moe', { tp: '2', ep: '2' }],
    ['llama-tied-oddvocab', {}],
    ['gpt-oss-mxfp4', { pp: '2' }],
    ['deepseek-v3-fp8', { ep: '2' }],
    ['qwen3-vl-a', {}],
  ] as const) {
    test(`${name}: the plan is the command's`, async () => {
      const source = join(FIXTURES, name);
      await choose(source);
      for (const [size, value] of Object.entries(sizes)) await fill(size, value);
      const expected = await planOf(
        source,
        Object.entries(sizes).map(([size, value]) => `${size}=${value}`),
      );
      const plan = await shown('plan');
      const { output, casts, drops, pads, copies } = expected;
      expect(plan['target']).toEqual([
        `${output.files.length} files, ${formatBytes(output.bytes)} (${output.bytes} bytes)`,
      ]);
      expect(plan['model']).toEqual([
        `${expected.architecture}, ${expected.parameters.toLocaleString('en')} parameters`,
      ]);
      expect(plan['writes for']).toEqual([`Megatron-Bridge ${expected.target}`]);
      expect(plan['tensors']).toEqual([String(expected.tensors)]);
      expect(plan['copies']).toEqual(Object.entries(copies).map(([pair, count]) => `${count} x ${pair}`));
      const lists = await page.locator('#lists summary').allTextContents();
      expect(lists).toEqual([
        ...casts.map(({ from, to, tensors }) => `${tensors.length} tensors cast from ${from} to ${to}`),
        ...drops.map(({ reason, tensors }) => `${tensors.length} left out: ${reason}`),
        ...(pads.length === 0 ? [] : [`${pads.length} tensors end in zeros`]),
        'Files',
      ]);
      await page.locator('#lists summary', { hasText: 'Files' }).click();
      await page.locator('#lists details[open] li').first().waitFor();
      expect(await page.locator('#lists details[open] li').allTextContents()).toEqual(
        output.files.map(({ path, bytes }) => `${path} ${formatBytes(bytes)}`),
      );
    });
  }

  test('another dtype casts, and a layout that does not fit is refused as by the command', async () => {
    const source = join(FIXTURES, 'nemotron-h-moe');
    await choose(source);
    await settled(() => page.selectOption('[name=dtype]', 'float16'));
    expect((await planOf(source, ['dtype=float16'])).casts.length).toBeGreaterThan(0);
    expect(await page.locator('#lists summary', { hasText: 'cast from BF16 to float16' }).count()).toBe(1);
    await settled(() => page.selectOption('[name=dtype]', 'bfloat16'));
    await fill('tp', '3');
    const words = [`hf_model_id=${source}`, `megatron_path=${join(dir, 'no')}`, 'tp=3'];
    const { stderr } = await nemotron(['plan', ...words]);
    const code = /error\[E\d+\]/.exec(stderr)?.[0] ?? 'none';
    expect(await page.textContent('#problem')).toContain(code);
    await fill('tp', '1');
    expect(await page.isVisible('#problem')).toBe(false);
  });

  test('tensors are listed and filtered', async () => {
    await choose(join(FIXTURES, 'llama'));
    const all = await page.locator('#rows tr').count();
    await page.fill('#filter', 'layers.1.');
    const some = await page.locator('#rows tr').allTextContents();
    expect(some.length).toBeGreaterThan(3);
    expect(some.length).toBeLessThan(all);
    expect(some.every((row) => row.includes('layers.1.'))).toBe(true);
    expect(await page.textContent('#shown')).toBe(`${some.length} of ${all}`);
  });

  test('a Megatron checkpoint: its tensors, dtypes and family', async () => {
    const path = join(dir, 'megatron');
    await convertStep({ hf_model_id: join(FIXTURES, 'nemotron-h-moe'), megatron_path: path, tp: '2' });
    await choose(path);
    expect(await page.textContent('#checkpoint-title')).toBe('Megatron checkpoint megatron/iter_0000000');
    expect((await shown('facts'))['architecture']).toEqual(['NemotronHForCausalLM']);
    const inspected = JSON.parse((await nemotron(['inspect', '--json', path])).stdout) as {
      tensors: { name: string; dtype: string; shape: number[]; bytes: number }[];
    };
    expect(await page.locator('#rows tr').allTextContents()).toEqual(
      inspected.tensors.map(
        ({ name, dtype, shape, bytes }) => `${name}${dtype}[${shape.join(', ')}]${formatBytes(bytes)}`,
      ),
    );
    expect(await page.isVisible('#planning')).toBe(false);
  });

  test.each(['nemotron-h-moe', 'llama', 'gpt-oss'])(
    "%s: the plan back is the library's, by the configuration alone too",
    async (name) => {
      const source = join(FIXTURES, name);
      const path = join(dir, `back-${name}`);
      await convertStep({ hf_model_id: source, megatron_path: path });
      await choose(path);
      const original = join(dir, 'originals', name);
      mkdirSync(original, { recursive: true });
      cpSync(join(source, 'config.json'), join(original, 'config.json'));
      const options = { megatronPath: path, hfPath: join(dir, 'hf') };
      for (const [hfModelId, dtype] of [
        [source, null],
        [original, null],
        [source, 'float32'],
      ] as const) {
        await settled(() => page.setInputFiles('#original', hfModelId));
        await settled(() => page.selectOption('#export-dtype', dtype ?? ''));
        const expected = await planExport({ ...options, hfModelId, dtype });
        const { output, copies } = expected;
        const plan = await shown('export');
        expect(plan['model']).toEqual([
          `${expected.architecture}, ${expected.parameters.toLocaleString('en')} parameters`,
        ]);
        expect(plan['target']).toEqual([
          `${output.files.length} files, ${formatBytes(output.bytes)} (${output.bytes} bytes)`,
        ]);
        expect(plan['copies']).toEqual(Object.entries(copies).map(([pair, count]) => `${count} x ${pair}`));
        await page.locator('#export-lists summary', { hasText: 'Files' }).click();
        await page.locator('#export-lists details[open] li').first().waitFor();
        expect(await page.locator('#export-lists details[open] li').allTextContents()).toEqual(
          output.files.map((file) => `${file.path} ${formatBytes(file.bytes)}`),
        );
      }
    },
  );

  test('the plan back with another model is refused as by the command', async () => {
    const path = join(dir, 'back-other');
    await convertStep({ hf_model_id: join(FIXTURES, 'llama'), megatron_path: path });
    await choose(path);
    await settled(() => page.setInputFiles('#original', join(FIXTURES, 'nemotron-h-moe')));
    expect(await page.textContent('#problem')).toMatch(/^error\[E\d+\]: /);
    expect(await page.locator('#export > *').count()).toBe(0);
  });

  test('what cannot be read is said as the command says it', async () => {
    const source = join(dir, 'broken');
    cpSync(join(FIXTURES, 'llama'), source, { recursive: true });
    const config = join(source, 'config.json');
    writeFileSync(
      config,
      readFileSync(config, 'utf8').replaceAll('LlamaForCausalLM', 'UnheardOfForCausalLM'),
    );
    await choose(source);
    expect(await page.textContent('#problem')).toMatch(
      /^error\[E0313\]: \/broken\/config.json: UnheardOfForCausalLM is not a supported architecture.*hint: /,
    );
    rmSync(config);
    await choose(source);
    expect(await page.textContent('#problem')).toMatch(/^error\[E\d+\]: \/broken has no config.json/);
    expect(await page.isVisible('#tensors')).toBe(false);
  });

  test('only headers are read, of a file of 3 GiB too', async () => {
    const source = join(dir, 'large');
    mkdirSync(source);
    for (const file of ['config.json', 'tokenizer.json', 'tokenizer_config.json']) {
      const from = join(FIXTURES, 'llama', file);
      if (existsSync(from)) cpSync(from, join(source, file));
    }
    const bytes = 3 * 2 ** 30;
    const entry = { dtype: 'BF16', shape: [bytes / 2], data_offsets: [0, bytes] };
    const header = Buffer.from(JSON.stringify({ 'model.embed_tokens.weight': entry }));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    const weights = join(source, 'model.safetensors');
    writeFileSync(weights, Buffer.concat([length, header]));
    truncateSync(weights, 8 + header.length + bytes);
    await choose(source);
    expect((await shown('facts'))['tensors']).toEqual([`1, ${formatBytes(bytes)}`]);
    expect(await page.textContent('#status')).toMatch(/^[\d.]+ KB read$/);
    // It is no model: the plan says which tensors are missing.
    expect(await page.textContent('#problem')).toMatch(/^error\[E\d+\]: /);
  });

  test('a folder that is dropped is one that was chosen', async () => {
    const session = await page.context().newCDPSession(page);
    const box = await page.locator('#drop').boundingBox();
    const [x, y] = [(box?.x ?? 0) + 20, (box?.y ?? 0) + 20];
    const data = { items: [], files: [join(FIXTURES, 'llama')], dragOperationsMask: 1 };
    await settled(async () => {
      for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
        await session.send('Input.dispatchDragEvent', { type, x, y, data });
      }
      await page.waitForFunction(() =>
        document.getElementById('checkpoint-title')?.textContent?.includes('llama'),
      );
    });
    expect((await shown('plan'))['model']?.[0]).toMatch(/^LlamaForCausalLM, /);
  });
});
