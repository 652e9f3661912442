import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { unpackCommand } from '../../packages/submit/src/data-mover.js';
import { ranksCommand } from '../../packages/submit/src/pod-script.js';
import { quote } from '../../packages/submit/src/quote.js';
import { exportLines } from '../../packages/submit/src/slurm-script.js';
import { pythonLauncher } from '../../packages/submit/src/startup.js';
import { launcher } from '../../packages/submit/src/tool.js';

const root = mkdtempSync(join(tmpdir(), 'scripts-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const bash = (script: string, env: Record<string, string> = {}) =>
  spawnSync('bash', ['-c', script], {
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', ...env },
    timeout: 60_000,
  });

test('a quoted word comes back from a shell as it was', () => {
  const words = fc.array(
    fc.string({ unit: 'grapheme' }).filter((word) => !word.includes('\0')),
    { minLength: 1, maxLength: 20 },
  );
  fc.assert(
    fc.property(words, (all) => {
      const out = execFileSync('bash', ['-c', `printf '%s\\0' ${all.map(quote).join(' ')}`], {
        encoding: 'utf8',
      });
      return out === all.map((word) => `${word}\0`).join('');
    }),
    { numRuns: 25 },
  );
});

test('exported values are not looked at by the shell', () => {
  const lines = exportLines('http_proxy', '$HOME `id` "x" \'y\'');
  expect(bash(`${lines.join('\n')}\nprintf '%s|%s' "$HTTP_PROXY" "$http_proxy"`).stdout).toBe(
    '$HOME `id` "x" \'y\'|$HOME `id` "x" \'y\'',
  );
});

describe('the ranks of a pod', () => {
  test('have the numbers of all pods together', () => {
    const { stdout, status } = bash(ranksCommand('echo $RANK/$WORLD_SIZE/$LOCAL_RANK', 2, 2), {
      NODE_RANK: '1',
    });
    expect(stdout.trim().split('\n').sort()).toEqual(['2/4/0', '3/4/1']);
    expect(status).toBe(0);
  });

  test('end together when one fails, with its code', () => {
    // Those that are not stopped outlive the time that the shell is given.
    const { status } = bash(ranksCommand('if [ $RANK = 1 ]; then exit 3; else sleep 600; fi', 1, 3));
    expect(status).toBe(3);
  });
});

describe('the tool on the far side', () => {
  const program = (path: string, text: string): void => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), `#!/bin/sh\n${text}\n`);
    chmodSync(join(root, path), 0o755);
  };
  const script = join(root, 'nemotron.sh');
  const start = (bundle: string | undefined, dirs: readonly string[]) => {
    writeFileSync(script, launcher('1.2.3', bundle, join(root, 'cache')));
    const path = [...dirs.map((dir) => join(root, dir)), '/usr/bin:/bin'].join(':');
    return spawnSync('sh', [script, 'two words', '$x'], { encoding: 'utf8', env: { PATH: path } });
  };

  test('is the uploaded copy', () => {
    program('tool dir/bin/node', 'for word; do echo "<$word>"; done');
    expect(start(join(root, 'tool dir'), []).stdout).toBe(
      `<${root}/tool dir/node_modules/nemotron-convert/bin/nemotron.js>\n<two words>\n<$x>\n`,
    );
  });

  test('else the one of the image, else the package', () => {
    program('npx/npx', 'for word; do echo "<$word>"; done');
    expect(start(join(root, 'absent'), ['npx']).stdout).toBe(
      '<--yes>\n<nemotron-convert@1.2.3>\n<two words>\n<$x>\n',
    );
    program('own/nemotron', 'for word; do echo "<$word>"; done');
    expect(start(undefined, ['own', 'npx']).stdout).toBe('<two words>\n<$x>\n');
  });

  test('can be started by Python, as a run_command may', () => {
    const dir = join(root, 'python');
    mkdirSync(dir);
    writeFileSync(join(dir, 'main.py'), pythonLauncher('convert/hf_to_megatron'));
    writeFileSync(join(dir, 'nemotron.sh'), 'for word; do echo "<$word>"; done\n');
    const { stdout, error } = spawnSync(
      'python3',
      [join(dir, 'main.py'), '--config', 'c.yaml', '--no-strict'],
      { encoding: 'utf8' },
    );
    if (error !== undefined) return;
    expect(stdout).toBe('<steps>\n<run>\n<convert/hf_to_megatron>\n<-c>\n<c.yaml>\n<--no-strict>\n');
  });
});

test('files come out of the mover as they went in', async () => {
  const dir = join(root, 'it is "moved"');
  const long = `${'d'.repeat(90)}/${'f'.repeat(60)}`;
  const command = await unpackCommand(
    [
      { path: 'a.txt', text: 'é\n' },
      { path: long, text: 'x'.repeat(1000) },
      { path: 'empty', text: '' },
    ],
    dir,
  );
  expect(bash(command).status).toBe(0);
  expect(execFileSync('cat', [join(dir, 'a.txt'), join(dir, long)], { encoding: 'utf8' })).toBe(
    `é\n${'x'.repeat(1000)}`,
  );
  await expect(unpackCommand([{ path: 'a', text: 'x' }], dir, 20)).rejects.toMatchObject({
    code: 'PROFILE_INVALID',
  });
});
