import { expect, test } from 'vitest';
import { architectureOf } from '../source/architecture.js';
import { chooseTarget, findFamily } from './registry.js';

const of = (
  config: Readonly<Record<string, string | readonly string[] | Readonly<Record<string, string>>>>,
) => architectureOf({ config, configPath: '/source/config.json' });

test('names the nearest supported architectures of an unknown one', () => {
  expect(() => findFamily('Qwen4ForCausalLM', '/source/config.json')).toThrow(
    expect.objectContaining({ hint: expect.stringContaining('Qwen3ForCausalLM') }),
  );
});

test('takes the class of auto_map, else the first whole model of architectures', () => {
  const autoMap = {
    AutoConfig: 'configuration.Config',
    AutoModelForCausalLM: 'modeling.DeepseekV3ForCausalLM',
  };
  expect(of({ architectures: ['KimiK2ForCausalLM'], auto_map: autoMap })).toBe('DeepseekV3ForCausalLM');
  expect(of({ architectures: ['KimiK2ForCausalLM'], auto_map: { AutoConfig: 'configuration.Config' } })).toBe(
    'KimiK2ForCausalLM',
  );
  expect(of({ architectures: ['Qwen3Model', 'Qwen3ForCausalLM'] })).toBe('Qwen3ForCausalLM');
});

test('every architecture belongs to one family', () => {
  expect(findFamily('ExaoneMoEForCausalLM', '')).toBe(findFamily('ExaoneMoeForCausalLM', ''));
});

test('0.3.1 builds a Mistral whose YaRN it does not read', () => {
  const family = findFamily('MistralForCausalLM', '');
  const yarn = { rope_type: 'yarn', factor: 2.0 };
  expect(chooseTarget(family, '0.3.1', { rope_parameters: yarn })).toBe('0.3.1');
  for (const [target, config] of [
    ['0.3.1', { rope_scaling: yarn }],
    ['0.7.0', { rope_parameters: yarn }],
  ] as const)
    expect(() => chooseTarget(family, target, config)).toThrow(/no Mistral with YaRN/);
});

test('auto is 0.7.0 for a Qwen3-VL whose rotary parameters 0.3.1 does not find', () => {
  const family = findFamily('Qwen3VLForConditionalGeneration', '');
  const rope = { rope_type: 'default', mrope_section: [2n, 1n, 1n] };
  expect(chooseTarget(family, 'auto', { text_config: { rope_scaling: rope } })).toBe('0.3.1');
  expect(chooseTarget(family, 'auto', { text_config: { rope_parameters: rope } })).toBe('0.7.0');
});
