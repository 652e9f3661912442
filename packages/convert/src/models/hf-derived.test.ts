import type { PyMap, PyValue } from '@nemotron-convert/core';
import { describe, expect, test } from 'vitest';
import { attributes } from './hf-object.js';
import type { Target } from './target.js';

function held(hfClass: string, given: PyMap, key: string, target: Target = '0.7.0'): PyValue {
  return attributes(hfClass, target, given)[key] ?? null;
}

const sliding = 'sliding_attention';
const full = 'full_attention';

describe('what a configuration class computes', () => {
  test('kinds of layers, as many as there are layers', () => {
    const four = { num_hidden_layers: 4n };
    expect(held('Exaone4Config', four, 'layer_types')).toEqual([sliding, sliding, sliding, full]);
    expect(held('Exaone4Config', { ...four, sliding_window_pattern: 2n }, 'layer_types')).toEqual([
      sliding,
      full,
      sliding,
      full,
    ]);
    expect(held('Gemma4TextConfig', { num_hidden_layers: 2n }, 'layer_types')).toEqual([sliding, full]);
    expect(held('Ernie4_5_VLMoeTextConfig', { num_hidden_layers: 2n }, 'mlp_layer_types')).toEqual([
      'dense',
      'sparse',
    ]);
    expect(
      held('Qwen3_5TextConfig', { num_hidden_layers: 2n, full_attention_interval: 2n }, 'layer_types'),
    ).toEqual(['linear_attention', full]);
  });

  test('a given list stays, null does not', () => {
    const given = { num_hidden_layers: 1n, layer_types: [sliding] };
    expect(held('Exaone4Config', given, 'layer_types')).toEqual([sliding]);
    expect(held('Exaone4Config', { ...given, layer_types: null }, 'layer_types')).toEqual([sliding]);
  });

  test('windows count where they are used', () => {
    const given = { num_hidden_layers: 2n, sliding_window: 16n, max_window_layers: 1n };
    expect(held('Qwen2Config', given, 'sliding_window')).toBeNull();
    expect(held('Qwen2Config', { ...given, use_sliding_window: true }, 'layer_types')).toEqual([
      full,
      sliding,
    ]);
    expect(held('Qwen2_5_VLTextConfig', { use_sliding_window: true }, 'sliding_window', '0.3.1')).toBe(4096n);
  });

  test('head sizes follow from the width', () => {
    const given = { hidden_size: 32n, num_attention_heads: 4n };
    expect(held('PixtralVisionConfig', { ...given, head_dim: 64n }, 'head_dim')).toBe(8n);
    expect(held('MistralConfig', given, 'head_dim')).toBe(8n);
    expect(held('MistralConfig', given, 'head_dim', '0.3.1')).toBeNull();
    expect(held('Qwen3VLMoeTextConfig', given, 'head_dim')).toBe(8n);
  });

  test('rotary parameters of a kind that the model lacks are no longer told apart', () => {
    const rope = { sliding_attention: { rope_type: 'default' }, full_attention: { rope_type: 'default' } };
    const given = { num_hidden_layers: 1n, rope_parameters: rope };
    expect(held('Gemma4TextConfig', given, 'rope_parameters')).toEqual({ rope_type: 'default', ...rope });
    expect(held('Gemma4TextConfig', { ...given, num_hidden_layers: 2n }, 'rope_parameters')).toEqual(rope);
  });
});
