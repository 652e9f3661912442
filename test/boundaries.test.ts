import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { describe, expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');

const PACKAGES: Record<string, readonly string[]> = {
  core: [],
  config: ['core'],
  native: ['core'],
  convert: ['core', 'native'],
  submit: ['core'],
  cli: ['core', 'config', 'convert', 'submit'],
  web: ['core', 'convert', 'native'],
};

const CRATES: Record<string, readonly string[]> = {
  ckpt_tensor: [],
  ckpt_safetensors: ['ckpt_tensor'],
  ckpt_torch_dist: [],
  ckpt_cuda: ['ckpt_tensor'],
  ckpt_engine: ['ckpt_cuda', 'ckpt_safetensors', 'ckpt_tensor', 'ckpt_torch_dist'],
  ckpt_calls: ['ckpt_engine', 'ckpt_safetensors', 'ckpt_tensor'],
  ckpt_node: ['ckpt_calls'],
  ckpt_wasm: ['ckpt_calls'],
};

function sources(dir: string, ending: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));
}

describe('packages import only what the arrows allow', () => {
  for (const [name, allowed] of Object.entries(PACKAGES)) {
    test(name, () => {
      const text = sources(join(ROOT, 'packages', name, 'src'), '.ts').join('\n');
      const imported = new Set(
        Array.from(text.matchAll(/@nemotron-convert\/(\w+)(?:\/[\w./?]+)?['"]/g), (match) => match[1]),
      );
      imported.delete(name);
      expect([...imported].filter((other) => !allowed.includes(other ?? ''))).toEqual([]);
    });
  }

  test('only the CLI prints, exits or reads the environment', () => {
    for (const name of Object.keys(PACKAGES).filter((other) => other !== 'cli')) {
      for (const text of sources(join(ROOT, 'packages', name, 'src'), '.ts')) {
        expect(text).not.toMatch(/console\.|process\.(exit|env|stdout|stderr)/);
      }
    }
  });
});

/** Inside packages/convert; a file beside the folders counts as one. */
const FOLDERS: Record<string, readonly string[]> = {
  box: [],
  'file-calls': [],
  version: [],
  models: [],
  megatron: ['models'],
  options: ['models'],
  source: ['box', 'file-calls', 'models'],
  adapter: ['box', 'source'],
  plan: ['adapter', 'box', 'megatron', 'models', 'source'],
  output: ['file-calls', 'models', 'options', 'plan', 'source', 'version'],
  'export-options': ['options', 'output'],
  run: [
    'adapter',
    'box',
    'export-options',
    'file-calls',
    'megatron',
    'models',
    'options',
    'output',
    'plan',
    'source',
    'version',
  ],
  headers: ['options', 'run', 'source'],
  index: ['adapter', 'export-options', 'models', 'options', 'output', 'plan', 'run', 'source', 'version'],
};

describe('folders of packages/convert import only what the arrows allow', () => {
  const src = join(ROOT, 'packages/convert/src');
  const partOf = (path: string): string =>
    relative(src, path)
      .split(sep)[0]
      ?.replace(/\.[jt]s$/, '') ?? '';
  const used = new Map<string, Set<string>>();
  for (const entry of readdirSync(src, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith('.ts') || entry.name.endsWith('.test.ts')) continue;
    const part = partOf(join(entry.parentPath, entry.name));
    const others = used.get(part) ?? new Set();
    used.set(part, others);
    const text = readFileSync(join(entry.parentPath, entry.name), 'utf8');
    for (const [, path = ''] of text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g))
      others.add(partOf(join(entry.parentPath, path)));
  }

  test('no two of them use each other, directly or around', () => {
    const before: string[] = [];
    for (const [name, allowed] of Object.entries(FOLDERS)) {
      expect(allowed.filter((other) => !before.includes(other))).toEqual([]);
      before.push(name);
    }
  });

  for (const [part, others] of used) {
    test(part, () => {
      const allowed = FOLDERS[part];
      expect(allowed).toBeDefined();
      expect([...others].filter((other) => other !== part && !allowed?.includes(other))).toEqual([]);
    });
  }
});

describe('crates depend only on what the arrows allow', () => {
  for (const [name, allowed] of Object.entries(CRATES)) {
    test(name, () => {
      const manifest = readFileSync(join(ROOT, 'crates', name, 'Cargo.toml'), 'utf8');
      const named = Array.from(manifest.matchAll(/^(ckpt_\w+)\b/gm), (match) => match[1] ?? '');
      expect(named.filter((other) => !allowed.includes(other))).toEqual([]);
      if (name !== 'ckpt_node') expect(manifest).not.toMatch(/^napi/m);
    });
  }
});
