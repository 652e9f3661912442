import { expect, test } from 'vitest';
import { fillTemplate } from './template.js';

test.each([
  ['/models/llama', '/out/llama'],
  ['/models/llama/', '/out/llama'],
  ['org/name', '/out/name'],
  ['org/name@v1.0', '/out/name'],
])('{name} of %s', (source, path) => {
  expect(fillTemplate('/out/{name}', source)).toBe(path);
});

test('{parent} is the directory or the organisation', () => {
  expect(fillTemplate('{parent}/{name}', 'org/name')).toBe('org/name');
  expect(() => fillTemplate('{parent}/{name}', 'name')).toThrow(/\{parent\} is not in name/);
});
