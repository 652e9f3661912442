import { isPyMap, NemotronError, type PyMap } from '@nemotron-convert/core';
import { describe, expect, test } from 'vitest';
import { fillDefaults } from './hf-config.js';
import { buildProvider, type Fields } from './provider.js';
import { findFamily } from './registry.js';
import type { Target } from './target.js';

const ONE = { tp: 1, pp: 1, ep: 1, etp: 1 };
const SMALL: PyMap = {
  vocab_size: 64n,
  hidden_size: 16n,
  intermediate_size: 20n,
  num_hidden_layers: 2n,
  num_attention_heads: 2n,
  num_key_value_heads: 1n,
};

function provider(name: string, config: PyMap, target: Target = '0.3.1', sizes = ONE): Fields {
  const family = findFamily(name, 'config.json');
  const rules = family.config[target];
  if (rules === undefined) throw new TypeError(name);
  const defaults = { ...family.defaults, ...rules.defaults };
  const hf = fillDefaults({ ...SMALL, ...config }, 'config.json', defaults, family.fallbacks);
  const model = { whole: hf, target, dtype: 'bfloat16', modelId: 'model' } as const;
  return buildProvider(hf, rules, model, sizes);
}

function refusal(...of: Parameters<typeof provider>): string {
  try {
    provider(...of);
  } catch (error) {
    if (error instanceof NemotronError && error.code === 'SOURCE_CONFIG_INVALID') return error.message;
    throw error;
  }
  return 'built';
}

const BLOCK = { attention: { n_heads_in_group: 2n }, ffn: { ffn_mult: 1.0 } };
const HETEROGENEOUS: PyMap = { block_configs: [BLOCK, BLOCK], torch_dtype: 'float32' };
const MOE = { num_experts: 4n, moe_intermediate_size: 8n, num_experts_per_tok: 2n };

describe('a provider', () => {
  test('takes whole numbers where a fraction is usual', () => {
    const { init_method: own, output_layer_init_method: last } = provider('LlamaForCausalLM', {
      initializer_range: 1n,
    });
    expect(own).toMatchObject({ std: 1n });
    expect(last).toMatchObject({ std: 0.5 });
  });

  test('knows the activations of its version', () => {
    expect(refusal('Qwen2ForCausalLM', { hidden_act: 'quick_gelu' })).toMatch(/quick_gelu/);
    const { activation_func } = provider('Qwen2ForCausalLM', { hidden_act: 'quick_gelu' }, '0.7.0');
    expect(activation_func).toMatchObject({ _target_: 'megatron.core.fusions.fused_bias_geglu.quick_gelu' });
    expect(refusal('Qwen2ForCausalLM', { hidden_act: 'mish' }, '0.7.0')).toMatch(/mish/);
    expect(refusal('Qwen2ForCausalLM', { hidden_act: null, hidden_activation: null })).toMatch(
      /hidden_activation/,
    );
  });

  test('refuses a key that 0.3.1 copies to a field which the class lacks', () => {
    expect(refusal('LlamaForCausalLM', { kv_lora_rank: 8n })).toMatch(/kv_lora_rank/);
    expect(refusal('LlamaForCausalLM', { kv_lora_rank: null })).toBe('built');
    expect(refusal('LlamaForCausalLM', { kv_lora_rank: 8n }, '0.7.0')).toBe('built');
    // Copies a list of its own.
    expect(refusal('MistralForCausalLM', { kv_lora_rank: 8n })).toBe('built');
  });

  test('of 0.3.1 keeps a null that its bridge hands to the class by name', () => {
    const next = { full_attention_interval: 4n, head_dim: null };
    expect(provider('Qwen3NextForCausalLM', next)['kv_channels']).toBe(8n);
    expect(provider('Qwen3ForCausalLM', { head_dim: null })['kv_channels']).toBe(8n);
    expect(provider('Gemma2ForCausalLM', { sliding_window: null })['window_size']).toEqual([null, 0n]);
    expect(refusal('Gemma2ForCausalLM', { sliding_window: null }, '0.7.0')).toMatch(/sliding_window/);
  });

  test('of a Gemma 4 mixture needs the base frequency of both kinds of layers', () => {
    const mixture = { enable_moe_block: true, num_experts: 4n, top_k_experts: 2n, moe_intermediate_size: 8n };
    const flat = { rope_parameters: { rope_type: 'default', rope_theta: 10000.0 } };
    expect(refusal('Gemma4ForCausalLM', { ...mixture, ...flat }, '0.7.0')).toMatch(/sliding_attention/);
    expect(provider('Gemma4ForCausalLM', mixture, '0.7.0')['rotary_base']).toEqual([10000.0, 1000000.0]);
  });

  test('carries the dtype that is converted to inside a heterogeneous configuration', () => {
    const { heterogeneous_layers_config_encoded_json: json } = provider('DeciLMForCausalLM', HETEROGENEOUS);
    expect(JSON.parse(json as string)).toMatchObject({ dtype: 'bfloat16' });
    expect(JSON.parse(json as string)).not.toHaveProperty('torch_dtype');
  });

  test('prints of a heterogeneous configuration what is not usual', () => {
    const config = {
      return_dict: true,
      problem_type: null,
      top_k: 10n,
      tie_word_embeddings: true,
      num_labels: 1n,
    };
    const { heterogeneous_layers_config_encoded_json: json } = provider('DeciLMForCausalLM', {
      ...HETEROGENEOUS,
      ...config,
    });
    const printed: unknown = JSON.parse(json as string);
    // The class has untied embeddings where other classes have tied ones.
    expect(printed).toMatchObject({ top_k: 10, tie_word_embeddings: true, label2id: { LABEL_0: 0 } });
    for (const key of ['return_dict', 'problem_type', 'num_labels']) expect(printed).not.toHaveProperty(key);
  });
});

describe('what Megatron-Core cannot build is refused', () => {
  const cases: readonly (readonly [string, string, PyMap, RegExp])[] = [
    [
      'heads between groups',
      'LlamaForCausalLM',
      { num_attention_heads: 4n, num_key_value_heads: 3n },
      /num_query_groups/,
    ],
    ['an activation that cannot be fused', 'LlamaForCausalLM', { hidden_act: 'relu' }, /cannot fuse/],
    ['an expert width without experts', 'Qwen2ForCausalLM', { moe_intermediate_size: 8n }, /num_moe_experts/],
    [
      'one expert a token by a late softmax',
      'Qwen3MoeForCausalLM',
      { ...MOE, num_experts_per_tok: 1n },
      /softmax/,
    ],
    [
      'more chosen groups than groups',
      'Qwen3MoeForCausalLM',
      { ...MOE, n_group: 2n, topk_group: 3n },
      /group_topk/,
    ],
    ['experts between groups', 'Qwen3MoeForCausalLM', { ...MOE, n_group: 3n, topk_group: 1n }, /multiple/],
    ['chosen groups without experts', 'Qwen3ForCausalLM', { n_group: 1n, topk_group: 1n }, /num_moe_experts/],
    ['chosen groups without groups', 'Qwen3MoeForCausalLM', { ...MOE, topk_group: 1n }, /num_groups/],
    [
      'no heads',
      'LlamaForCausalLM',
      { num_attention_heads: 0n },
      /num_attention_heads must be a positive integer, found 0/,
    ],
    ['more layers than any model has', 'LlamaForCausalLM', { num_hidden_layers: 10n ** 9n }, /num_layers/],
    [
      'weights without a deviation',
      'DeciLMForCausalLM',
      { ...HETEROGENEOUS, initializer_range: null },
      /init/,
    ],
  ];
  test.each(cases)('%s', (_, name, config, message) => {
    expect(refusal(name, config)).toMatch(message);
  });

  test('YaRN without its bounds, where the version reads them', () => {
    const config = {
      rope_scaling: { rope_type: 'yarn', factor: 4.0, original_max_position_embeddings: 32n },
    };
    expect(refusal('Qwen3ForCausalLM', config, '0.7.0')).toMatch(/add "beta_fast": 32/);
    expect(refusal('Qwen3ForCausalLM', config)).toBe('built');
  });

  test('and the same with values that fit is built', () => {
    expect(isPyMap(provider('Qwen3MoeForCausalLM', { ...MOE, n_group: 2n, topk_group: 1n }))).toBe(true);
    expect(isPyMap(provider('LlamaForCausalLM', { hidden_act: 'gelu' }))).toBe(true);
  });

  test('of Llama reads the older name of the kind of scaling first', () => {
    const scaling = { rope_type: 'default', type: 'llama3', factor: 8.0 };
    for (const target of ['0.3.1', '0.7.0'] as const) {
      const { rope_scaling } = provider('LlamaForCausalLM', { rope_scaling: scaling }, target);
      expect(rope_scaling).toBe(true);
    }
  });

  test('of Falcon-H1 has what its Mamba mixer asserts, and completes itself before it knows the stages', () => {
    const config = { mamba_norm_before_gate: false, mamba_d_head: 8n };
    expect(refusal('FalconH1ForCausalLM', { ...config, mamba_conv_bias: false }, '0.7.0')).toMatch(
      /conv_bias/,
    );
    expect(refusal('FalconH1ForCausalLM', {}, '0.7.0')).toMatch(/norm_before_gate/);
    const staged = provider('FalconH1ForCausalLM', config, '0.7.0', { ...ONE, pp: 2 });
    expect(staged['microbatch_group_size_per_vp_stage']).toBe(1n);
  });

  test('of Sarvam lays out stages that its layers do not divide into', () => {
    const config = { ...MOE, num_hidden_layers: 19n, first_k_dense_replace: 1n, num_shared_experts: 1n };
    const two = { ...ONE, pp: 2 };
    const { pipeline_model_parallel_layout: layout } = provider('SarvamMoEForCausalLM', config, '0.7.0', two);
    const decoders = (count: number) => new Array<string>(count).fill('decoder');
    expect(layout).toEqual([
      ['embedding', ...decoders(10)],
      [...decoders(9), 'loss'],
    ]);
    const even = provider('SarvamMoEForCausalLM', { ...config, num_hidden_layers: 4n }, '0.7.0', two);
    expect(even['pipeline_model_parallel_layout']).toBeNull();
  });

  describe('of DeepSeek V4', () => {
    const NAME = 'DeepseekV4ForCausalLM';
    const YARN = { type: 'yarn', factor: 16n, original_max_position_embeddings: 65536n };
    const config: PyMap = { num_hidden_layers: 5n, num_nextn_predict_layers: 1n, rope_parameters: YARN };
    const of = (more: PyMap, sizes = ONE): Fields => provider(NAME, { ...config, ...more }, '0.7.0', sizes);

    test('has the kinds of layers that its class makes of nothing', () => {
      const fields = of({});
      expect(fields['csa_compress_ratios']).toEqual([128n, 128n, 128n, 4n, 128n, 0n]);
      expect(fields['moe_n_hash_layers']).toBe(3n);
    });

    test('takes kinds by name before ratios, and never compresses predicted layers', () => {
      const kinds = new Array<string>(5).fill('sliding_attention');
      const given = [4n, 128n, 0n, 4n, 4n, 4n];
      expect(of({ compress_ratios: given })['csa_compress_ratios']).toEqual([4n, 128n, 0n, 4n, 4n, 0n]);
      const fields = of({ compress_ratios: given, layer_types: kinds });
      expect(fields['csa_compress_ratios']).toEqual([0n, 0n, 0n, 0n, 0n, 0n]);
    });

    test('has one width under two keys, the second of which counts', () => {
      expect(of({ moe_intermediate_size: 8n })).toMatchObject({
        moe_ffn_hidden_size: 20n,
        ffn_hidden_size: 20n,
      });
    });

    test('lays stages out with the predicted layers on the last', () => {
      expect(of({}, { ...ONE, pp: 2 })['pipeline_model_parallel_layout']).toEqual([
        ['embedding', 'decoder', 'decoder', 'decoder'],
        ['decoder', 'decoder', 'mtp', 'loss'],
      ]);
      expect(of({})['pipeline_model_parallel_layout']).toBeNull();
    });

    test('is refused by what the Bridge or Megatron-Core would not build', () => {
      const message = (more: PyMap): string => refusal(NAME, { ...config, ...more }, '0.7.0');
      expect(message({ compress_ratios: [8n, 0n, 0n, 0n, 0n] })).toMatch(
        /compress_ratios must be 0, 4 or 128, found 8/,
      );
      expect(message({ compress_rates: { heavily_compressed_attention: 64n } })).toMatch(
        /0, 4 or 128, found 64/,
      );
      expect(message({ layer_types: ['sliding_attention'] })).toMatch(/a kind for each layer, found 1/);
      expect(message({ mlp_layer_types: ['moe', 'hash_moe', 'moe', 'moe', 'moe'] })).toMatch(
        /first layers only/,
      );
      expect(message({ rope_parameters: { type: 'default' } })).toMatch(/factor must be a number/);
      expect(message({ o_groups: 3n })).toMatch(/o_groups \(3\)/);
    });
  });
});
