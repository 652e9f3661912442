import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { convertStep } from '../support/cli.js';
import { FIXTURES } from '../support/golden.js';
import { type FakeFile, FakeHub } from './fake-hub.js';

const COMMIT = 'fedcba9876543210fedcba9876543210fedcba98';
const SOURCE = join(FIXTURES, 'llama');

describe('a conversion from the Hub', () => {
  const hub = new FakeHub();
  const work = mkdtempSync(join(tmpdir(), 'hub-convert-'));
  const env = (): Record<string, string> => ({ HF_ENDPOINT: hub.endpoint, HF_HOME: join(work, 'hf') });
  const run = (model: string, target: string, more: Record<string, string> = {}) =>
    convertStep(
      { hf_model_id: model, megatron_path: join(work, target) },
      { cwd: work, env: { ...env(), ...more } },
    );
  const payloads = (target: string) => {
    const dir = join(work, target, 'iter_0000000');
    return readdirSync(dir)
      .filter((name) => name.endsWith('.distcp'))
      .map((name) => [name, readFileSync(join(dir, name)).toString('base64')]);
  };

  beforeAll(async () => {
    await hub.start();
    const files = readdirSync(SOURCE, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }): [string, FakeFile] => [
        name,
        { content: readFileSync(join(SOURCE, name)), lfs: name.endsWith('.safetensors') },
      ]);
    hub.models.set('org/llama', { commit: COMMIT, files: Object.fromEntries(files) });
    await run(SOURCE, 'local');
  });
  afterAll(() => {
    hub.stop();
    rmSync(work, { recursive: true, force: true });
  });

  test('is the same as from a directory, and says where it came from', async () => {
    const { exit, stderr } = await run('org/llama@main', 'remote');
    expect(exit, stderr).toBe(0);
    expect(payloads('remote')).toEqual(payloads('local'));
    const made = JSON.parse(readFileSync(join(work, 'remote', 'conversion.json'), 'utf8')) as {
      source: object;
    };
    expect(made.source).toMatchObject({ id: 'org/llama@main', commit: COMMIT });
    const config = readFileSync(join(work, 'remote', 'iter_0000000', 'run_config.yaml'), 'utf8');
    expect(config).toMatch(/hf_model_id: org\/llama$/m);
  });

  test('works offline afterwards, without a request', async () => {
    hub.seen.length = 0;
    const { exit, stderr } = await run('org/llama', 'offline', { HF_HUB_OFFLINE: '1' });
    expect(exit, stderr).toBe(0);
    expect(hub.seen).toEqual([]);
    expect(payloads('offline')).toEqual(payloads('local'));
  });

  test('names what is missing', async () => {
    const { exit, stderr } = await run('org/absent', 'absent');
    expect(exit).toBe(3);
    expect(stderr).toContain('org/absent is no directory here, and on the Hub');
    const offline = await run('org/absent', 'absent', { HF_HUB_OFFLINE: '1' });
    expect(offline.exit).toBe(7);
    expect(offline.stderr).toContain('HF_HUB_OFFLINE is set');
  });
});
