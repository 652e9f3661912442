import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
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
