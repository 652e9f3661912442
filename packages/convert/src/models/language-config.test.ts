import { describe, expect, test } from 'vitest';
import { inDtype } from './language-config.js';

const PART = 'thinker_config.text_config';

describe('a configuration in the dtype that is asked for', () => {
  test('names it wherever it named one', () => {
    const config = {
      torch_dtype: 'bfloat16',
      thinker_config: { text_config: { dtype: 'bfloat16' }, size: 1n },
    };
    expect(inDtype(config, PART, 'float32')).toEqual({
      dtype: 'float32',
      thinker_config: { text_config: { dtype: 'float32' }, size: 1n },
    });
    expect(inDtype({ thinker_config: { torch_dtype: null } }, PART, 'float16')).toEqual({
      thinker_config: { dtype: 'float16' },
    });
  });

  test('names it for the whole model where it named none', () => {
    expect(inDtype({ text_config: { size: 1n } }, 'text_config', 'bfloat16')).toEqual({
      dtype: 'bfloat16',
      text_config: { size: 1n },
    });
    expect(inDtype({}, undefined, 'bfloat16')).toEqual({ dtype: 'bfloat16' });
  });
});
