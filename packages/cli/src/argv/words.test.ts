import { expect, test } from 'vitest';
import { readRunRequest } from '../commands/run-request.js';
import { FLAGS } from './flags.js';
import { similarity, suggestions } from './similarity.js';
import { parseWords } from './words.js';

const run = (...words: string[]) =>
  parseWords(words, { command: 'run', flags: FLAGS.run, keepUnknown: true });

test('clusters give known letters and keep the rest', () => {
  expect(run('-xdy').rest).toEqual(['-xy']);
  expect(run('-xdy').switches).toEqual(new Set(['dry-run']));
  expect(run('-dcname').values.get('config')).toBe('name');
  expect(run('-c=name').values.get('config')).toBe('=name');
  expect(run('--config=a=b').values.get('config')).toBe('a=b');
});

test('a value is the next word, whatever it looks like', () => {
  expect(run('-c', '--', 'x').values.get('config')).toBe('--');
  expect(run('-c', '-d').switches.size).toBe(0);
  expect(() => run('--dry-run=yes')).toThrow('does not take a value');
  expect(() => run('--batch')).toThrow("Option '--batch' requires an argument.");
});

test('-r and -b exclude each other, wherever they stand', () => {
  expect(() => readRunRequest(['step', '-r', 'a', '-b', 'b'])).toThrow('cannot both be set');
  expect(() => readRunRequest(['step', '-r', 'a', '--', '-b', 'b'])).toThrow('cannot both be set');
  expect(readRunRequest(['step', '-r', '', '-b', 'b'])).toMatchObject({ mode: 'batch', profile: 'b' });
});

test('likeness is not symmetric and ties go to the later name', () => {
  expect(similarity('abcd', 'bcde')).toBe(0.75);
  expect(suggestions('step', ['stepa', 'stepb', 'stepc', 'stepd'])).toEqual(['stepd', 'stepc', 'stepb']);
});
