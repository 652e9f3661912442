import { expect, test } from 'vitest';
import { hfNested } from './hf-object.js';

test('what generates is kept by the classes alone that declare it', () => {
  const given = { use_cache: false, temperature: 0.5 };
  const text = hfNested('Qwen3OmniMoeTextConfig', '0.7.0', given);
  expect(text['use_cache']).toBe(false);
  for (const values of [text, hfNested('Qwen3VLVisionConfig', '0.7.0', given)])
    expect(values).not.toHaveProperty('temperature');
});
