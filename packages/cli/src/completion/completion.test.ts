import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../program.js';
import { discoverSteps } from '../steps/registry.js';
import { bash, fish, zsh } from './scripts.js';
import { completionTable } from './table.js';

const steps = discoverSteps(join(import.meta.dirname, '../../../../config/steps'));
const table = completionTable(ROOT, steps);

/** What bash offers after the given words. */
function offered(...words: string[]): string[] {
  const script = `${bash(table)}
COMP_WORDS=(nemotron ${words.map((word) => `'${word}'`).join(' ')})
COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
compopt() { :; }
_nemotron
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr, status } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  return stdout.trim().split('\n');
}

test('bash completes commands, steps, flags and parameters', () => {
  expect(offered('st')).toEqual(['steps']);
  expect(offered('steps', '')).toEqual(expect.arrayContaining(['list', 'show', 'run']));
  expect(offered('steps', 'run', 'convert/hf')).toEqual(['convert/hf_to_megatron']);
  expect(offered('steps', 'run', 'convert/hf_to_megatron', 'dty')).toEqual(['dtype=']);
  expect(offered('steps', 'run', 'convert/hf_to_megatron', '--dry')).toEqual(['--dry-run']);
  expect(offered('steps', 'list', '--prod')).toEqual(['--produces']);
});

test('zsh wraps the same table, fish has a line for every flag', () => {
  expect(zsh(table)).toMatch(/^#compdef nemotron/);
  const lines = fish(table).split('\n');
  expect(lines.filter((line) => line.includes('-l dry-run'))).not.toEqual([]);
  for (const line of lines.filter(Boolean)) expect(line).toMatch(/^complete -c nemotron /);
});
