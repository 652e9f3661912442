import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { collectBundle } from '../../packages/submit/src/bundle.js';
import { convertStep } from '../support/cli.js';
import { FIXTURES } from '../support/golden.js';
import { hashTree } from '../support/tree.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const dir = realpathSync(mkdtempSync(join(tmpdir(), 'nemotron-package-')));
const app = join(dir, 'app');
const source = join(FIXTURES, 'nemotron-h-moe');
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** The packages of others that ours depend on, with what they depend on. */
function dependencies(): string[] {
  const found = new Set<string>();
  const add = (manifest: string) => {
    const { dependencies = {} } = JSON.parse(readFileSync(manifest, 'utf8')) as {
      dependencies?: Record<string, string>;
    };
    for (const name of Object.keys(dependencies)) {
      if (name.startsWith('@nemotron-convert/') || found.has(name)) continue;
      found.add(name);
      add(join(root, 'node_modules', name, 'package.json'));
    }
  };
  for (const name of ['core', 'config', 'native', 'convert', 'submit', 'cli']) {
    add(join(root, 'packages', name, 'package.json'));
  }
  return [...found];
}

beforeAll(() => {
  const run = (command: string, words: readonly string[], cwd: string) =>
    execFileSync(command, words, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const ours = run('node', ['scripts/pack.js', join(dir, 'archives')], root)
    .trim()
    .split('\n');
  // Of the registry's packages the installed files, so that no registry is needed.
  const others = dependencies().map((name, at) => {
    const archive = join(dir, `dependency-${at}.tgz`);
    run('tar', ['-czf', archive, '--transform', 's,^\\.,package,', '.'], join(root, 'node_modules', name));
    return archive;
  });
  mkdirSync(app);
  writeFileSync(join(app, 'package.json'), '{"private": true}');
  const flags = ['--offline', '--no-audit', '--no-fund', '--install-links', '--loglevel=error'];
  run('npm', ['install', ...flags, ...ours, ...others], app);
}, 300_000);

/** A machine with node alone. */
const nemotron = (words: readonly string[]) =>
  spawnSync(process.execPath, [join(app, 'node_modules/.bin/nemotron'), ...words], {
    cwd: app,
    encoding: 'utf8',
    env: { PATH: '/nonexistent', HOME: dir },
  });

const content = (path: string) =>
  [...hashTree(path)].filter(([name]) => !/conversion\.json|run_config\.yaml|\.metadata$/.test(name));

test('the packed packages convert, without cargo, git or a shell', async () => {
  const { status, stderr } = nemotron([
    'steps',
    'run',
    'convert/hf_to_megatron',
    `hf_model_id=${source}`,
    `megatron_path=${join(dir, 'packed')}`,
  ]);
  expect(stderr).not.toContain('error');
  expect(status).toBe(0);
  await convertStep({ hf_model_id: source, megatron_path: join(dir, 'here') });
  expect(content(join(dir, 'packed'))).toEqual(content(join(dir, 'here')));
  expect(nemotron(['steps', 'list']).stdout).toContain('env/env_toml');
});

test('without the addon WebAssembly takes its place; without both the command says how to get it', () => {
  const scope = join(app, 'node_modules/@nemotron-convert');
  const [addon] = execFileSync('ls', [scope], { encoding: 'utf8' }).match(/native-\S+/) ?? [''];
  const wasm = join(scope, 'native/wasm');
  const kept = join(dir, 'kept');
  const move = (from: string, to: string) => {
    cpSync(from, to, { recursive: true });
    rmSync(from, { recursive: true });
  };
  move(join(scope, addon), join(kept, 'addon'));
  const fallback = nemotron(['inspect', source]);
  move(wasm, join(kept, 'wasm'));
  const { status, stderr } = nemotron(['inspect', source]);
  move(join(kept, 'addon'), join(scope, addon));
  move(join(kept, 'wasm'), wasm);

  expect(fallback.status, fallback.stderr).toBe(0);
  expect(fallback.stderr).toMatch(/^note: the WebAssembly engine works, no native binding for \S+, expected/);
  expect(fallback.stdout).toBe(nemotron(['inspect', source]).stdout);
  expect(status).toBe(1);
  expect(stderr).toContain('error[E0102]');
  expect(stderr).toContain(`npm install @nemotron-convert/${addon}@`);
});

test('what is sent to a cluster has the addon of the platform package', () => {
  const manifest = join(app, 'node_modules/@nemotron-convert/native/package.json');
  const text = readFileSync(manifest, 'utf8');
  const [addon] = execFileSync('ls', [dirname(dirname(manifest))], { encoding: 'utf8' }).match(
    /native-\S+/,
  ) ?? [''];
  // What publishing adds.
  writeFileSync(
    manifest,
    JSON.stringify({
      ...JSON.parse(text),
      optionalDependencies: { [`@nemotron-convert/${addon}`]: '0.1.0' },
    }),
  );
  const packed = join(app, 'node_modules/nemotron-convert');
  const bundle = collectBundle(packed, process.execPath, join(packed, 'steps'));
  expect(bundle.entries.map(({ path }) => path).filter((path) => path.endsWith('.node'))).toHaveLength(1);
  writeFileSync(manifest, text);
});

describe.runIf(process.platform === 'linux')('a root directory with node and nothing else', () => {
  const jail = join(dir, 'jail');
  const canChroot = process.getuid?.() === 0 && spawnSync('chroot', ['--version']).status === 0;

  test.runIf(canChroot)('is enough', () => {
    mkdirSync(join(jail, 'bin'), { recursive: true });
    copyFileSync(process.execPath, join(jail, 'bin/node'));
    const libraries = execFileSync('ldd', [process.execPath], { encoding: 'utf8' }).match(/\/\S+/g) ?? [];
    for (const library of libraries) {
      mkdirSync(join(jail, dirname(library)), { recursive: true });
      copyFileSync(library, join(jail, library));
    }
    cpSync(app, join(jail, 'app'), { recursive: true, verbatimSymlinks: true });
    cpSync(source, join(jail, 'model'), { recursive: true });
    const words = ['steps', 'run', 'convert/hf_to_megatron', 'hf_model_id=/model', 'megatron_path=/megatron'];
    const { status, stderr } = spawnSync(
      'chroot',
      [jail, '/bin/node', '/app/node_modules/nemotron-convert/bin/nemotron.js', ...words],
      { encoding: 'utf8', env: { PATH: '/usr/sbin:/usr/bin' } },
    );
    expect(stderr).not.toContain('error');
    expect(status).toBe(0);
    expect(existsSync(join(jail, 'megatron/latest_checkpointed_iteration.txt'))).toBe(true);
  });

  test.skipIf(canChroot)('is not tried: chroot needs root', () => undefined);
});
