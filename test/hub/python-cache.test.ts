import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { resolveHub } from '../../packages/convert/src/source/hub.js';
import { hubSettings } from '../../packages/convert/src/source/hub-settings.js';
import { FakeHub, gitHash, sha256 } from './fake-hub.js';

const COMMIT = '89abcdef0123456789abcdef0123456789abcdef';
const NAMES = ['config.json', 'model.safetensors', 'tokenizer.json'];
const ID = { repo: 'org/model', revision: 'main' };
/** Kept between runs: making it takes longer than all tests. */
const VENV = join(tmpdir(), 'nemotron-hub-venv');

/** A Python with huggingface_hub, or why there is none. */
function findPython(): { python: string } | { reason: string } {
  const python = join(VENV, 'bin', 'python');
  const check = () => execFileSync(python, ['-c', 'import huggingface_hub'], { stdio: 'ignore' });
  try {
    if (!existsSync(python)) {
      execFileSync('python3', ['-m', 'venv', VENV], { stdio: 'ignore' });
      execFileSync(python, ['-m', 'pip', 'install', '-q', 'huggingface_hub'], {
        stdio: 'ignore',
        timeout: 120_000,
      });
    }
    check();
    return { python };
  } catch (error) {
    return { reason: `huggingface_hub cannot be installed: ${String(error).split('\n')[0]}` };
  }
}

const found = findPython();
const title = 'reason' in found ? `the cache and Python (skipped: ${found.reason})` : 'the cache and Python';

describe.skipIf('reason' in found)(title, () => {
  const hub = new FakeHub();
  const home = mkdtempSync(join(tmpdir(), 'hub-python-'));

  beforeAll(async () => {
    await hub.start();
    hub.models.set(ID.repo, {
      commit: COMMIT,
      files: {
        'config.json': { content: Buffer.from('{"model_type":"llama"}'), lfs: false },
        'model.safetensors': { content: Buffer.alloc(100_000, 7), lfs: true },
        'tokenizer.json': { content: Buffer.from('{}'), lfs: false },
      },
    });
    // What Python asks for before it downloads: a HEAD with the metadata of a file.
    hub.faults.push((seen, response, content) => {
      if (seen.host !== 'hub' || !seen.path.includes('/resolve/') || content === undefined) return false;
      const isLarge = seen.path.endsWith('.safetensors');
      response.setHeader('x-repo-commit', COMMIT);
      response.setHeader(
        isLarge ? 'x-linked-etag' : 'etag',
        `"${isLarge ? sha256(content) : gitHash(content)}"`,
      );
      if (isLarge) response.setHeader('x-linked-size', content.length);
      return false;
    });
  });
  afterAll(() => {
    hub.stop();
    rmSync(home, { recursive: true, force: true });
  });

  const python = (cache: string, offline: boolean): Promise<string> => {
    mkdirSync(cache, { recursive: true });
    const code = [
      'import os, huggingface_hub',
      `paths = [huggingface_hub.hf_hub_download("${ID.repo}", name) for name in ${JSON.stringify(NAMES)}]`,
      'print(os.path.dirname(paths[0]))',
    ].join('\n');
    const child = spawn('python' in found ? found.python : '', ['-c', code], {
      env: {
        PATH: process.env['PATH'],
        HOME: home,
        HF_HOME: cache,
        HF_ENDPOINT: hub.endpoint,
        HF_HUB_DISABLE_XET: '1',
        HF_HUB_OFFLINE: offline ? '1' : '0',
      },
    });
    let out = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    return new Promise((resolve, reject) => {
      child.on('close', (code) => (code === 0 ? resolve(out.trim()) : reject(new Error(errors))));
    });
  };
  const expectFiles = (dir: string): void => {
    const files = hub.models.get(ID.repo)?.files ?? {};
    for (const name of NAMES) expect(readFileSync(join(dir, name))).toEqual(files[name]?.content);
  };

  test('what we fill, Python reads offline', async () => {
    const cache = join(home, 'ours');
    const { dir, weights } = await resolveHub(
      ID,
      await hubSettings({ HF_HOME: cache, HF_ENDPOINT: hub.endpoint }),
    );
    await weights?.fetch(weights.files);
    const before = hub.seen.length;
    const seen = await python(cache, true);
    expect(seen).toBe(dir);
    expectFiles(seen);
    expect(hub.seen).toHaveLength(before);
  });

  test('what Python fills, we read offline, and online without a download', async () => {
    const cache = join(home, 'theirs');
    const dir = await python(cache, false);
    expectFiles(dir);
    const env = { HF_HOME: cache, HF_ENDPOINT: hub.endpoint };
    const before = hub.seen.length;
    expect((await resolveHub(ID, await hubSettings({ ...env, HF_HUB_OFFLINE: '1' }))).dir).toBe(dir);
    expect(hub.seen).toHaveLength(before);
    expect((await resolveHub(ID, await hubSettings(env))).dir).toBe(dir);
    expect(hub.seen).toHaveLength(before + 1);
  });
});
