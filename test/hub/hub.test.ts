import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NemotronError, type ProgressEvent } from '@nemotron-convert/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { resolveHub } from '../../packages/convert/src/source/hub.js';
import { parseHubId } from '../../packages/convert/src/source/hub-id.js';
import { hubSettings } from '../../packages/convert/src/source/hub-settings.js';
import { locateSource } from '../../packages/convert/src/source/locate.js';
import { type FakeFile, FakeHub, gitHash, refuse, serve, sha256 } from './fake-hub.js';

const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const RETRY = { attempts: 4, pauseMs: 5, idleMs: 60_000 };
const PIECE = 64 * 1024;

const text = (value: string): FakeFile => ({ content: Buffer.from(value), lfs: false });
/** Bytes that differ from place to place, so that a piece in the wrong place is found. */
const weights = (bytes: number, seed: number): FakeFile => {
  const content = Buffer.alloc(bytes);
  for (let i = 0; i < bytes; i++) content[i] = (i * 31 + (i >> 8) * 7 + seed) & 255;
  return { content, lfs: true };
};
const INDEX = JSON.stringify({
  weight_map: { a: 'model-00001-of-00002.safetensors', b: 'model-00002-of-00002.safetensors' },
});
const FILES: Record<string, FakeFile> = {
  'config.json': text('{"architectures":["LlamaForCausalLM"]}'),
  'generation_config.json': text('{}'),
  'tokenizer.json': text('{"version":"1.0"}'),
  // Equal contents would share a blob, which is asked for once.
  'tokenizer_config.json': text('{"model_max_length":64}'),
  'chat_template.jinja': text('{{ x }}'),
  'model.safetensors.index.json': text(INDEX),
  'model-00001-of-00002.safetensors': weights(300_000, 1),
  'model-00002-of-00002.safetensors': weights(200_001, 2),
  'consolidated.safetensors': weights(1000, 3),
  'original/consolidated.00.pth': weights(1000, 4),
  'pytorch_model.bin': weights(1000, 5),
  'README.md': text('# Model'),
};
const WANTED = Object.keys(FILES).filter((name) => !/^(consolidated|original|pytorch|README)/.test(name));

let hub: FakeHub;
let home: string;
let notes: ProgressEvent[];

beforeEach(async () => {
  hub = await new FakeHub().start();
  hub.models.set('org/model', { commit: COMMIT, files: FILES });
  home = mkdtempSync(join(tmpdir(), 'hub-'));
  notes = [];
});
afterEach(() => {
  hub.stop();
  rmSync(home, { recursive: true, force: true });
});

const settings = (env: Record<string, string> = {}) =>
  hubSettings({ HF_HOME: home, HF_ENDPOINT: hub.endpoint, HF_TOKEN: 'hf_secret', ...env }, RETRY);
const bring = async (id = 'org/model', env: Record<string, string> = {}) => {
  const parsed = parseHubId(id);
  if (parsed === undefined) throw new Error(`${id} is no id`);
  const snapshot = await resolveHub(parsed, await settings(env), {
    pieceBytes: PIECE,
    onProgress: (event) => notes.push(event),
  });
  await snapshot.weights?.fetch(await snapshot.weights.absent());
  return snapshot;
};
const failure = async (work: Promise<unknown>): Promise<NemotronError> => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(NemotronError);
  return error as NemotronError;
};
const model = (...parts: string[]): string => join(home, 'hub', 'models--org--model', ...parts);
const expectComplete = (dir: string): void => {
  for (const name of WANTED) expect(readFileSync(join(dir, name)), name).toEqual(FILES[name]?.content);
};
const isStorage = (path: string, shard: number): boolean => path.includes(`model-0000${shard}-of`);

describe('a download', () => {
  test('brings what a conversion reads, and nothing else', async () => {
    const { dir, commit } = await bring();
    expect(commit).toBe(COMMIT);
    expectComplete(dir);
    expect(hub.fetched).toEqual([...WANTED].sort());
    expect(readdirSync(dir).sort()).toEqual([...WANTED].sort());
  });

  test('has the layout that Python shares', async () => {
    await bring();
    expect(readFileSync(model('refs', 'main'), 'utf8')).toBe(COMMIT);
    const shard = FILES['model-00001-of-00002.safetensors']?.content ?? Buffer.alloc(0);
    expect(readlinkSync(model('snapshots', COMMIT, 'model-00001-of-00002.safetensors'))).toBe(
      `../../blobs/${sha256(shard)}`,
    );
    const config = FILES['config.json']?.content ?? Buffer.alloc(0);
    expect(readlinkSync(model('snapshots', COMMIT, 'config.json'))).toBe(`../../blobs/${gitHash(config)}`);
    expect(readdirSync(model('blobs')).filter((name) => name.includes('.'))).toEqual([]);
  });

  test('asks for ranges, several of a file, and reports bytes', async () => {
    await bring();
    const ranges = hub.seen.filter(({ host, path }) => host === 'storage' && isStorage(path, 1));
    expect(ranges.map(({ range }) => range).sort()).toEqual([
      'bytes=0-65535',
      'bytes=131072-196607',
      'bytes=196608-262143',
      'bytes=262144-299999',
      'bytes=65536-131071',
    ]);
    const last = notes.filter((event) => event.kind === 'bytes').at(-1);
    expect(last).toEqual({ kind: 'bytes', phase: 'download', done: 500_001, total: 500_001 });
  });

  test('sends the token to the Hub and to nobody else', async () => {
    await bring();
    const by = (host: string) => new Set(hub.seen.filter((s) => s.host === host).map((s) => s.authorization));
    expect(by('hub')).toEqual(new Set(['Bearer hf_secret']));
    expect(by('storage')).toEqual(new Set([undefined]));
  });

  test('is one request when everything is there', async () => {
    await bring();
    hub.seen.length = 0;
    await bring();
    expect(hub.seen).toHaveLength(1);
  });

  test('of a commit writes no ref; a revision with slashes does', async () => {
    await bring(`org/model@${COMMIT}`);
    expect(readdirSync(model())).not.toContain('refs');
    await bring('org/model@refs/pr/1');
    expect(readFileSync(model('refs', 'refs', 'pr', '1'), 'utf8')).toBe(COMMIT);
  });

  test('by several processes at once is right', async () => {
    const all = await Promise.all([bring(), bring(), bring()]);
    for (const { dir } of all) expectComplete(dir);
    expect(readdirSync(model('blobs')).filter((name) => name.includes('.'))).toEqual([]);
  });

  test('goes on after a renaming and says so', async () => {
    hub.models.set('old/model', { commit: COMMIT, files: FILES, renamedTo: 'org/model' });
    await bring('old/model');
    expect(notes).toContainEqual({ kind: 'note', message: 'old/model is called org/model now' });
  });
});

describe('a bad network', () => {
  test('cut connections are taken up where they ended', async () => {
    let cuts = 3;
    hub.faults.push((seen, response, content) => {
      if (seen.host !== 'storage' || !isStorage(seen.path, 1) || cuts-- <= 0 || !content) return false;
      const [, first = 0, last = 0] = (/(\d+)-(\d+)/.exec(seen.range ?? '') ?? []).map(Number);
      response.writeHead(206, {
        'content-length': last - first + 1,
        'content-range': `bytes ${first}-${last}/${content.length}`,
      });
      response.write(content.subarray(first, first + 1000), () => response.destroy());
      return true;
    });
    const { dir } = await bring();
    expectComplete(dir);
    const starts = hub.seen.map(({ range }) => Number(/=(\d+)/.exec(range ?? '')?.[1] ?? 0) % PIECE);
    expect(starts).toContain(1000);
  });

  test('a killed download is continued, not started over', async () => {
    hub.faults.push((seen, response) => {
      if (seen.host !== 'storage' || !isStorage(seen.path, 1) || seen.range === 'bytes=0-65535') return false;
      refuse(response, 503, '', 'down');
      return true;
    });
    expect((await failure(bring())).code).toBe('HUB_ANSWER');
    hub.faults.length = 0;
    hub.seen.length = 0;
    const { dir } = await bring();
    expectComplete(dir);
    const ranges = hub.seen.filter(({ path }) => isStorage(path, 1)).map(({ range }) => range);
    expect(ranges).not.toContain('bytes=0-65535');
  });

  test('429 waits as long as it is told, 5xx backs off', async () => {
    const answers = [429, 500, 503];
    hub.faults.push((seen, response) => {
      if (!seen.path.startsWith('/api/')) return false;
      const status = answers.shift();
      if (status === undefined) return false;
      response.writeHead(status, status === 429 ? { 'retry-after': '1' } : {}).end();
      return true;
    });
    const began = performance.now();
    await bring();
    expect(performance.now() - began).toBeGreaterThan(990);
    expect(hub.seen.filter(({ path }) => path.startsWith('/api/'))).toHaveLength(4);
  });

  test('a limit that stays is an error with its pause', async () => {
    hub.faults.push((_, response) => {
      response.writeHead(429, { 'retry-after': '3600' }).end();
      return true;
    });
    const error = await failure(bring());
    expect([error.code, error.exit]).toEqual(['HUB_RATE_LIMITED', 7]);
    expect(error.message).toContain('3600 seconds');
  });

  test('wrong bytes are fetched again once, then refused', async () => {
    let wrong = Number.POSITIVE_INFINITY;
    hub.faults.push((seen, response, content) => {
      if (seen.host !== 'storage' || !isStorage(seen.path, 2) || !content || wrong-- <= 0) return false;
      serve(response, Buffer.from(content).fill(9, 0, 1), seen.range);
      return true;
    });
    const error = await failure(bring());
    expect([error.code, error.exit]).toEqual(['HUB_CORRUPT', 7]);
    expect(readdirSync(model('snapshots', COMMIT))).not.toContain('model-00002-of-00002.safetensors');
    wrong = 1;
    expectComplete((await bring()).dir);
  });

  test('a wrong small file is found by its Git hash', async () => {
    hub.faults.push((seen, response, content) => {
      if (!seen.path.endsWith('/tokenizer.json') || !content) return false;
      serve(response, Buffer.from(content).fill(32, 0, 1), seen.range);
      return true;
    });
    expect((await failure(bring())).code).toBe('HUB_CORRUPT');
  });

  test('a range that was not asked for is refused', async () => {
    hub.faults.push((seen, response, content) => {
      if (seen.host !== 'storage' || !content) return false;
      serve(response, content, 'bytes=5-9');
      return true;
    });
    expect((await failure(bring())).code).toBe('HUB_ANSWER');
  });

  test('an expired storage address is asked for again', async () => {
    let served = 0;
    hub.faults.push((seen, response) => {
      if (seen.host !== 'storage' || served++ !== 2) return false;
      refuse(response, 403, '', 'Request has expired');
      return true;
    });
    expectComplete((await bring()).dir);
  });

  test('a silent server is given up', async () => {
    hub.faults.push(() => true);
    const { retry, ...rest } = await settings();
    const id = { repo: 'org/model', revision: 'main' };
    const error = await failure(resolveHub(id, { ...rest, retry: { ...retry, attempts: 2, idleMs: 100 } }));
    expect([error.code, error.exit]).toEqual(['HUB_UNREACHABLE', 7]);
    expect(error.message).toContain('silent');
  });
});

describe('refusals', () => {
  test.each([
    ['gated', 403, 'GatedRepo', 'HUB_GATED', 7],
    ['a bad token', 401, '', 'HUB_AUTH', 7],
    ['a server that makes no sense', 418, '', 'HUB_ANSWER', 7],
  ] as const)('%s', async (_, status, reason, code, exit) => {
    hub.faults.push((seen, response) => {
      if (!seen.path.includes('/resolve/') && code !== 'HUB_AUTH') return false;
      refuse(response, status, reason, 'no');
      return true;
    });
    const error = await failure(bring());
    expect([error.code, error.exit]).toEqual([code, exit]);
    if (code === 'HUB_GATED') expect(error.hint).toContain(`${hub.endpoint}/org/model`);
  });

  test('no such model, no such revision', async () => {
    for (const id of ['org/absent', 'org/model@nightly']) {
      const error = await failure(bring(id));
      expect([error.code, error.exit]).toEqual(['HUB_NOT_FOUND', 3]);
    }
  });

  test('a listing with a hostile file name or hash writes nothing outside', async () => {
    hub.faults.push((seen, response) => {
      if (!seen.path.startsWith('/api/')) return false;
      const siblings = [{ rfilename: 'config.json', size: 1, blobId: '../../../../evil' }];
      response.end(JSON.stringify({ id: 'org/model', sha: COMMIT, siblings }));
      return true;
    });
    expect((await failure(bring())).code).toBe('HUB_ANSWER');
  });

  test('an absent shard is named before the others are downloaded', async () => {
    const { 'model-00002-of-00002.safetensors': _, ...files } = FILES;
    hub.models.set('org/model', { commit: COMMIT, files });
    expect((await failure(bring())).code).toBe('SOURCE_SHARD_MISSING');
    expect(hub.fetched).not.toContain('model-00001-of-00002.safetensors');
  });

  test('a disk that is too small, before the first byte', async () => {
    hub.faults.push((seen, response) => {
      if (!seen.path.startsWith('/api/')) return false;
      const siblings = [{ rfilename: 'config.json', size: 2 ** 52, blobId: gitHash(Buffer.from('x')) }];
      response.end(JSON.stringify({ id: 'org/model', sha: COMMIT, siblings }));
      return true;
    });
    const error = await failure(bring());
    expect([error.code, error.exit]).toEqual(['HUB_NO_SPACE', 4]);
    expect(hub.fetched).toEqual([]);
  });

  test('a cache that cannot be written', async () => {
    writeFileSync(join(home, 'file'), '');
    const error = await failure(bring('org/model', { HF_HUB_CACHE: join(home, 'file') }));
    expect([error.code, error.exit]).toEqual(['HUB_CACHE_PERMISSION', 4]);
  });
});

describe('offline', () => {
  test('opens no socket: from the cache, or an error', async () => {
    const first = await failure(bring('org/model', { HF_HUB_OFFLINE: '1' }));
    expect([first.code, first.exit]).toEqual(['HUB_OFFLINE', 7]);
    await bring();
    hub.seen.length = 0;
    for (const value of ['1', 'yes', 'True', 'ON']) {
      const { dir } = await bring('org/model', { HF_HUB_OFFLINE: value });
      expectComplete(dir);
    }
    expect(hub.seen).toEqual([]);
  });

  test('a snapshot without one of its shards is not enough', async () => {
    await bring();
    rmSync(model('snapshots', COMMIT, 'model-00002-of-00002.safetensors'));
    expect((await failure(bring('org/model', { HF_HUB_OFFLINE: '1' }))).code).toBe('HUB_OFFLINE');
  });

  test('an unreachable Hub is answered from the cache with a note', async () => {
    await bring();
    hub.stop();
    const { dir } = await bring('org/model');
    expectComplete(dir);
    expect(notes.some((event) => event.kind === 'note' && event.message.includes('from the cache'))).toBe(
      true,
    );
  });
});

describe('what is meant', () => {
  test('a local directory opens no socket, even when the Hub has one of that name', async () => {
    const before = process.cwd();
    mkdirSync(join(home, 'org', 'model'), { recursive: true });
    process.chdir(home);
    try {
      const { dir } = await locateSource('org/model', { env: { HF_ENDPOINT: hub.endpoint } }, async () => {});
      expect(dir.endsWith('/org/model')).toBe(true);
      expect(hub.seen).toEqual([]);
    } finally {
      process.chdir(before);
    }
  });

  test('what is refused by its config is not downloaded', async () => {
    const refused = new Error('unknown family');
    const env = { HF_HOME: home, HF_ENDPOINT: hub.endpoint };
    await expect(locateSource('org/model', { env }, () => Promise.reject(refused))).rejects.toBe(refused);
    expect(hub.fetched).not.toContain('model-00001-of-00002.safetensors');
  });
});
