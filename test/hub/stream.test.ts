import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { requireDownloadSpace } from '../../packages/convert/src/run/space.js';
import { resolveHub } from '../../packages/convert/src/source/hub.js';
import { hubSettings } from '../../packages/convert/src/source/hub-settings.js';
import { convertStep, nemotron } from '../support/cli.js';
import { syntheticLlama } from '../support/synthetic.js';
import { hashTree, seeded } from '../support/tree.js';
import { settling, until } from '../support/wait.js';
import { FakeHub, type Seen } from './fake-hub.js';

const COMMIT = 'fedcba9876543210fedcba9876543210fedcba98';
const SHARDS = 12;
const MEGABYTES = 48;

describe('a conversion that goes on while its source comes', () => {
  const work = mkdtempSync(join(tmpdir(), 'hub-stream-'));
  const source = join(work, 'source');
  const target = join(work, 'out');
  const home = join(work, 'hf');
  const hub = new FakeHub();
  let want: Map<string, string>;

  const at = (...parts: string[]) => join(home, 'hub', 'models--org--llama', ...parts);
  const blobs = () => (existsSync(at('blobs')) ? readdirSync(at('blobs')) : []);
  const shards = () => readdirSync(at('snapshots', COMMIT)).filter((name) => name.endsWith('.safetensors'));
  /** Everything but what names the run: the paths, the id and the time. */
  const payloads = () => new Map([...hashTree(target)].filter(([name]) => name.endsWith('.distcp')));
  const run = (more: Record<string, string> = {}, started?: (child: ChildProcess) => void) =>
    convertStep(
      { hf_model_id: 'org/llama', megatron_path: target, ...more },
      {
        cwd: work,
        env: { HF_ENDPOINT: hub.endpoint, HF_HOME: home },
        ...(started === undefined ? {} : { started }),
      },
    );
  /** Requests for the contents of a shard, not for its header. */
  const contents = (seen: readonly Seen[]) =>
    seen.flatMap(({ host, path, range }) => {
      const isContent = host === 'storage' && range !== 'bytes=0-65535' && path.endsWith('.safetensors');
      return isContent ? [path.split('/').at(-1) as string] : [];
    });

  beforeAll(async () => {
    syntheticLlama(source, MEGABYTES, SHARDS);
    await hub.start();
    const files = readdirSync(source).map((name) => {
      const content = readFileSync(join(source, name));
      return [name, { content, lfs: name.endsWith('.safetensors') }] as const;
    });
    hub.models.set('org/llama', { commit: COMMIT, files: Object.fromEntries(files) });
    const whole = await convertStep({ hf_model_id: source, megatron_path: target }, { cwd: work });
    expect(whole.exit, whole.stderr).toBe(0);
    want = payloads();
  });
  beforeEach(() => {
    hub.seen.length = 0;
    hub.faults.length = 0;
    for (const path of [target, `${target}.partial`, home]) rmSync(path, { recursive: true, force: true });
  });
  afterEach(() => {
    hub.faults.length = 0;
  });
  afterAll(() => {
    hub.stop();
    rmSync(work, { recursive: true, force: true });
  });

  test('writes parts of the checkpoint before the last shard is there', async () => {
    const journal = join(`${target}.partial`, 'journal');
    const lines = () => (existsSync(journal) ? readFileSync(journal, 'utf8').split('\n').length - 1 : 0);
    let before = 0;
    hub.faults.push(async ({ path, range }) => {
      if (!path.includes(`-0001${SHARDS % 10}-of`) || range === 'bytes=0-65535') return false;
      await until('a journal', () => lines() >= 3);
      before = lines();
      return false;
    });
    const { exit, stderr } = await run({ stream: 'true' });
    expect(exit, stderr).toBe(0);
    expect(before).toBeGreaterThanOrEqual(3);
    expect(payloads()).toEqual(want);
    expect(shards()).toHaveLength(SHARDS);
  });

  test('keep_source=false has a few shards on the disk at once, and none in the end', async () => {
    let most = 0;
    hub.faults.push(() => {
      const kept = blobs().filter((name) => name.length === 64).length;
      most = Math.max(most, kept);
      return false;
    });
    const { exit, stderr } = await run({ keep_source: 'false' });
    expect(exit, stderr).toBe(0);
    expect(payloads()).toEqual(want);
    expect(most).toBeLessThanOrEqual(5);
    expect(shards()).toEqual([]);
    // What is left is config.json, the index and the tokenizer, named by Git's hashes.
    expect(blobs().filter((name) => name.length !== 40)).toEqual([]);
    expect(new Set(contents(hub.seen)).size).toBe(SHARDS);
    expect(contents(hub.seen)).toHaveLength(SHARDS);
  });

  test('killed at random moments it ends right, and fetches nothing again that was converted', async () => {
    const random = seeded(31);
    const last = readdirSync(source)
      .filter((name) => name.endsWith('.safetensors'))
      .sort()
      .at(-1) as string;
    let isHeld = true;
    hub.faults.push(async ({ path, range }) => {
      if (!path.endsWith('.safetensors')) return false;
      await sleep(40);
      // The last one comes to a run that may end.
      const isContent = path.endsWith(last) && range !== 'bytes=0-65535';
      if (isContent && isHeld) await until('the last run', () => !isHeld);
      return false;
    });
    /** Shards that were seen whole, and then no more. */
    const whole = new Set<string>();
    const removed = () => {
      const there = existsSync(at('snapshots', COMMIT)) ? shards() : [];
      for (const name of there) whole.add(name);
      return [...whole].filter((name) => !there.includes(name));
    };
    for (let point = 0; point < 5; point += 1) {
      for (const path of [target, `${target}.partial`, home]) rmSync(path, { recursive: true, force: true });
      whole.clear();
      isHeld = true;
      for (const begun of [() => existsSync(join(`${target}.partial`, 'lock')), () => removed().length > 0]) {
        let child: ChildProcess | undefined;
        const killed = run({ keep_source: 'false' }, (process) => {
          child = process;
        });
        const isOver = settling(killed);
        await until('a conversion at work', () => begun() || isOver(), 2);
        expect(isOver()).toBe(false);
        await sleep(random() * 500);
        child?.kill('SIGKILL');
        await killed;
      }
      expect(existsSync(target)).toBe(false);
      const before = new Set(shards());
      const converted = removed();
      hub.seen.length = 0;
      isHeld = false;
      const { exit, stderr } = await run({ keep_source: 'false' });
      expect(exit, stderr).toBe(0);
      expect(payloads()).toEqual(want);
      expect(shards()).toEqual([]);
      const again = contents(hub.seen);
      for (const name of [...converted, ...before]) expect(again, `${name} was there`).not.toContain(name);
    }
  }, 300_000);

  test('what was streamed can be finished without, and the other way round', async () => {
    for (const [first, second] of [
      ['true', 'false'],
      ['false', 'true'],
    ] as const) {
      hub.faults.push((seen, response) => {
        if (!seen.path.includes('-00007-of') || seen.range === 'bytes=0-65535' || seen.host !== 'hub')
          return false;
        response.writeHead(403, { 'x-error-code': 'GatedRepo' }).end();
        return true;
      });
      const failed = await run({ stream: first });
      expect(failed.exit).toBe(7);
      hub.faults.length = 0;
      const { exit, stderr } = await run({ stream: second });
      expect(exit, stderr).toBe(0);
      expect(payloads()).toEqual(want);
      rmSync(target, { recursive: true });
      rmSync(home, { recursive: true });
    }
  });

  test('a plan and an inspection read headers and download no weights', async () => {
    const env = { HF_ENDPOINT: hub.endpoint, HF_HOME: home };
    const plan = await nemotron(['plan', 'hf_model_id=org/llama', `megatron_path=${target}`], { env });
    expect(plan.exit, plan.stderr).toBe(0);
    expect(plan.stdout).toMatch(/12 files, .* of it to download/);
    const inspected = await nemotron(['inspect', 'org/llama'], { env });
    expect(inspected.exit, inspected.stderr).toBe(0);
    expect(contents(hub.seen)).toEqual([]);
  });

  test('a source that is removed while another snapshot shows it keeps the blob', async () => {
    expect((await run()).exit).toBe(0);
    const other = 'a'.repeat(40);
    const model = hub.models.get('org/llama');
    if (model === undefined) throw new Error('no model');
    hub.models.set('org/llama', { ...model, commit: other });
    try {
      rmSync(target, { recursive: true });
      const { exit, stderr } = await run({ keep_source: 'false' });
      expect(exit, stderr).toBe(0);
      expect(readdirSync(at('snapshots', other)).filter((name) => name.endsWith('.safetensors'))).toEqual([]);
      for (const name of shards()) expect(statSync(at('snapshots', COMMIT, name)).isFile()).toBe(true);
      expect(shards()).toHaveLength(SHARDS);
    } finally {
      hub.models.set('org/llama', model);
    }
  });

  test('a header that is not what the file holds is found, and a broken one named', async () => {
    hub.faults.push((seen, response, content) => {
      if (seen.host !== 'storage' || !seen.path.includes('-00003-of') || content === undefined) return false;
      if (seen.range !== 'bytes=0-65535') return false;
      const other = Buffer.from(content.subarray(0, 65536));
      const name = other.indexOf('"BF16"');
      other.write('"F16" ', name);
      response.writeHead(206, { 'content-range': `bytes 0-65535/${content.length}` }).end(other);
      return true;
    });
    const { exit, stderr } = await run({ stream: 'true' });
    expect([exit, stderr]).toEqual([7, expect.stringContaining('came in two versions')]);
    hub.faults.length = 0;
    hub.faults.push((seen, response, content) => {
      if (seen.host !== 'storage' || !seen.path.includes('-00003-of') || content === undefined) return false;
      const other = Buffer.alloc(65536);
      response.writeHead(206, { 'content-range': `bytes 0-65535/${content.length}` }).end(other);
      return true;
    });
    rmSync(home, { recursive: true });
    const broken = await run({ stream: 'true' });
    expect(broken.exit).toBe(3);
    expect(broken.stderr).toMatch(/snapshots.*model-00003-of-00012\.safetensors/);
  });

  test('options that need the weights again are refused', async () => {
    const full = await run({ keep_source: 'false', verify: 'full' });
    expect([full.exit, full.stderr]).toEqual([
      2,
      expect.stringContaining('verify=full reads the source again'),
    ]);
    const local = await run({ keep_source: 'false', hf_model_id: source });
    expect([local.exit, local.stderr]).toEqual([2, expect.stringContaining('is a directory of yours')]);
    expect(readdirSync(source)).toContain(`model-00001-of-000${SHARDS}.safetensors`);
    const env = { HF_ENDPOINT: hub.endpoint, HF_HOME: home, RANK: '0', WORLD_SIZE: '2' };
    const words = { hf_model_id: 'org/llama', megatron_path: target, keep_source: 'false' };
    const rank = await convertStep(words, { cwd: work, env });
    expect([rank.exit, rank.stderr]).toEqual([2, expect.stringContaining('2 ranks share the source')]);
  });

  test('a disk too small for the download and the checkpoint is told before either', async () => {
    const settings = await hubSettings({ HF_ENDPOINT: hub.endpoint, HF_HOME: home });
    const { weights } = await resolveHub({ repo: 'org/llama', revision: 'main' }, settings);
    if (weights === undefined) throw new Error('no weights');
    const check = requireDownloadSpace({ weights, files: weights.files, keepSource: true }, 2 ** 60);
    await expect(check).rejects.toMatchObject({
      code: 'HUB_NO_SPACE',
      exit: 4,
      message: expect.stringMatching(/the download needs 4\d\.\d MB and the checkpoint 1\.\d+ EB|1153 PB/),
    });
    expect(contents(hub.seen)).toEqual([]);
  });
});
