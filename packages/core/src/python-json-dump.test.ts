import { expect, test } from 'vitest';
import { dumpPythonJson } from './python-json-dump.js';

test('dumps as json.dumps with indent and sorted keys', () => {
  const value = { b: [1n, 1.0, 1e-5, null, true, [], {}], a: 'é"\n', c: { z: Number.POSITIVE_INFINITY } };
  expect(dumpPythonJson(value)).toBe(
    '{\n  "a": "\\u00e9\\"\\n",\n  "b": [\n    1,\n    1.0,\n    1e-05,\n    null,\n    true,\n    [],\n    {}\n  ],\n  "c": {\n    "z": Infinity\n  }\n}',
  );
});
