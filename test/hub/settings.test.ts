import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { HubClient } from '../../packages/convert/src/source/hub-http.js';
import { parseHubId } from '../../packages/convert/src/source/hub-id.js';
import { proxyFor } from '../../packages/convert/src/source/hub-proxy.js';
import { hubSettings } from '../../packages/convert/src/source/hub-settings.js';
import { FakeHub } from './fake-hub.js';

const home = mkdtempSync(join(tmpdir(), 'hub-home-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

describe('ids', () => {
  test.each([
    ['org/name', 'org/name', 'main'],
    ['org/name@v1.0', 'org/name', 'v1.0'],
    ['org/name@refs/pr/3', 'org/name', 'refs/pr/3'],
    [
      'nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-Base-BF16',
      'nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-Base-BF16',
      'main',
    ],
  ])('%s', (text, repo, revision) => {
    expect(parseHubId(text)).toEqual({ repo, revision });
  });

  test.each([
    '/abs/dir',
    './org/name',
    '../name',
    'name',
    'a/b/c',
    'org/',
    'org/name@',
    'org/name@../../x',
    '~/x',
    'a/b@x y',
  ])('%s is a path', (text) => expect(parseHubId(text)).toBeUndefined());
});

describe('variables', () => {
  const cases: [Record<string, string>, string][] = [
    [{ HF_HUB_CACHE: '/a', HUGGINGFACE_HUB_CACHE: '/b', HF_HOME: '/c' }, '/a'],
    [{ HUGGINGFACE_HUB_CACHE: '/b', HF_HOME: '/c' }, '/b'],
    [{ HF_HOME: '/c', XDG_CACHE_HOME: '/d' }, '/c/hub'],
    [{ XDG_CACHE_HOME: '/d' }, '/d/huggingface/hub'],
    [{ HF_HOME: '~/x' }, join(home, 'x/hub')],
    [{ HF_HOME: '' }, join(home, '.cache/huggingface/hub')],
  ];
  test.each(cases)('the cache of %j', async (env, cache) => {
    expect((await hubSettings({ HOME: home, ...env })).cache).toBe(cache);
  });

  test('tokens: variable, then HF_TOKEN_PATH, then the file of HF_HOME', async () => {
    writeFileSync(join(home, 'token'), 'from-home\n');
    writeFileSync(join(home, 'other'), ' from-path \n');
    const token = async (env: Record<string, string>) =>
      (await hubSettings({ HOME: home, HF_HOME: home, ...env })).token;
    expect(await token({})).toBe('from-home');
    expect(await token({ HF_TOKEN_PATH: join(home, 'other') })).toBe('from-path');
    expect(await token({ HF_TOKEN: 'set\n', HF_TOKEN_PATH: join(home, 'other') })).toBe('set');
    expect(await token({ HF_TOKEN: '', HF_TOKEN_PATH: join(home, 'absent') })).toBeUndefined();
  });

  test('an endpoint that is no address', async () => {
    await expect(hubSettings({ HF_ENDPOINT: 'huggingface' })).rejects.toMatchObject({
      code: 'HUB_UNREACHABLE',
    });
  });
});

describe('proxies', () => {
  const hub = new URL('https://huggingface.co/x');
  const cases: [Record<string, string>, string | undefined][] = [
    [{}, undefined],
    [{ HTTPS_PROXY: 'http://p:1' }, 'http://p:1/'],
    [{ https_proxy: 'p:2', HTTPS_PROXY: 'http://p:1' }, 'http://p:2/'],
    [{ HTTP_PROXY: 'http://p:1' }, undefined],
    [{ ALL_PROXY: 'http://p:3' }, 'http://p:3/'],
    [{ HTTPS_PROXY: 'http://p:1', NO_PROXY: 'other,.huggingface.co' }, undefined],
    [{ HTTPS_PROXY: 'http://p:1', no_proxy: '*' }, undefined],
    [{ HTTPS_PROXY: 'http://p:1', NO_PROXY: 'face.co' }, 'http://p:1/'],
  ];
  test.each(cases)('%j', (env, proxy) => {
    expect(proxyFor(hub, env)?.href).toBe(proxy);
  });

  test('plain requests go through one, with its login and without leaking ours to others', async () => {
    const fake = await new FakeHub().start();
    const asked: string[] = [];
    const proxy = createServer((request, response) => {
      asked.push(`${request.url} ${request.headers['proxy-authorization']}`);
      response.end('{}');
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const { port } = proxy.address() as AddressInfo;
    const settings = await hubSettings({
      HTTP_PROXY: `http://me:pw@127.0.0.1:${port}`,
      HF_ENDPOINT: fake.endpoint,
    });
    const client = new HubClient(settings);
    await client.getJson(new URL('/api/x', fake.endpoint));
    expect(asked).toEqual([`${fake.endpoint}/api/x Basic ${Buffer.from('me:pw').toString('base64')}`]);
    expect(fake.seen).toEqual([]);
    client.close();
    proxy.close();
    fake.stop();
  });

  test('https ones ask it for a tunnel; its refusal is named', async () => {
    const asked: string[] = [];
    const proxy = createServer();
    proxy.on('connect', (request, socket) => {
      asked.push(String(request.url));
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const { port } = proxy.address() as AddressInfo;
    const retry = { attempts: 1, pauseMs: 1, idleMs: 2000 };
    const client = new HubClient(await hubSettings({ HTTPS_PROXY: `http://127.0.0.1:${port}` }, retry));
    await expect(client.getJson(new URL('https://hub.invalid/api'))).rejects.toMatchObject({
      code: 'HUB_UNREACHABLE',
      message: expect.stringContaining('407') as string,
    });
    expect(asked).toEqual(['hub.invalid:443']);
    client.close();
    proxy.close();
  });
});
