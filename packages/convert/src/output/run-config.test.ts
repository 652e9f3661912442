import { describe, expect, test } from 'vitest';
import { runConfig } from './run-config.js';

describe('the text of run_config.yaml', () => {
  const paths = { hfModelId: '/models/\u00e9t\u00e9', save: '/target' };

  test('has whole numbers where transformers makes keys whole numbers, in their order', () => {
    const labels = { '2': 'b', '10': 'c', '0': 'a' };
    const provider = { vision_config: { id2label: labels, label2id: { a: 0n } } };
    expect(runConfig(provider, '0.7.0', paths, {}, true)).toContain(
      '  vision_config:\n    id2label:\n      0: a\n      2: b\n      10: c\n    label2id:\n      a: 0\n',
    );
  });

  test('escapes what is not ASCII', () => {
    expect(runConfig({}, '0.3.1', paths, {}, true)).toContain('tokenizer_model: "/models/\\xE9t\\xE9"\n');
  });
});
