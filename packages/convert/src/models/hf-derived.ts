import type { PyMap, PyValue } from '@nemotron-convert/core';
import { HfConfig } from './hf-config.js';
import type { Target } from './target.js';

/** An attribute that a configuration class of transformers computes from others when an object is made. */
interface Derived {
  readonly key: string;
  /**
   * When it is computed: whatever was given, where null was given, or also where nothing was, since its recorded default
   * follows from those of other attributes.
   */
  readonly when: 'always' | 'null' | 'unset';
  readonly targets?: readonly Target[];
  readonly value: (hf: HfConfig) => PyValue;
}

const quotient = (hf: HfConfig): PyValue => hf.quotient('hidden_size', 'num_attention_heads');

const GROUPS: Derived = {
  key: 'num_key_value_heads',
  when: 'null',
  value: (hf) => hf.get('num_attention_heads'),
};

/** The kind of each layer, by its number. */
function kinds(key: string, kind: (hf: HfConfig, index: number) => string): Derived {
  return {
    key,
    when: 'unset',
    value: (hf) => Array.from({ length: hf.int('num_hidden_layers') }, (_, i) => kind(hf, i)),
  };
}

/** Every `period(hf)`-th layer has full attention. */
function fullEvery(period: (hf: HfConfig) => number, other: string): Derived {
  return kinds('layer_types', (hf, i) => ((i + 1) % period(hf) === 0 ? 'full_attention' : other));
}

const SLIDING = 'sliding_attention';

/** Qwen's windows are on from layer `max_window_layers`, where they are used at all. */
const lateWindows = kinds('layer_types', (hf, i) =>
  hf.has('sliding_window') && i >= hf.int('max_window_layers') ? SLIDING : 'full_attention',
);

function usedWindow(standard: bigint): Derived {
  return {
    key: 'sliding_window',
    when: 'always',
    value: (hf) => (hf.truthy('use_sliding_window') ? (hf.get('sliding_window') ?? standard) : null),
  };
}

const LINEAR: readonly Derived[] = [
  fullEvery(
    (hf) => (hf.has('full_attention_interval') ? hf.int('full_attention_interval') : 4),
    'linear_attention',
  ),
];

/** The last layer sees all positions, whatever the list says. */
const lastFull: Derived = {
  key: 'layer_types',
  when: 'always',
  value: (hf) => [...hf.list('layer_types').slice(0, -1), 'full_attention'],
};

/** Rotary parameters by kinds of layers, one of which the model lacks, count as one map. */
const unkeyedRope: Derived = {
  key: 'rope_parameters',
  when: 'always',
  value: (hf) => {
    const rope = hf.map('rope_parameters') ?? {};
    const types = hf.list('layer_types');
    return Object.keys(rope).every((key) => types.includes(key)) ? rope : { rope_type: 'default', ...rope };
  },
};

const DERIVED: Readonly<Record<string, readonly Derived[]>> = {
  Ernie4_5_VLMoeTextConfig: [kinds('mlp_layer_types', (_, i) => (i === 0 ? 'dense' : 'sparse'))],
  Exaone4Config: [fullEvery((hf) => hf.int('sliding_window_pattern'), SLIDING)],
  Gemma4TextConfig: [fullEvery(() => 6, SLIDING), lastFull, unkeyedRope],
  Ministral3Config: [GROUPS],
  MistralConfig: [GROUPS, { key: 'head_dim', when: 'unset', targets: ['0.7.0'], value: quotient }],
  PixtralVisionConfig: [{ key: 'head_dim', when: 'always', value: quotient }],
  Qwen2Config: [usedWindow(4096n), GROUPS, lateWindows],
  Qwen2_5OmniTalkerConfig: [usedWindow(32768n), GROUPS, lateWindows],
  Qwen2_5OmniTextConfig: [usedWindow(32768n), GROUPS, lateWindows],
  Qwen2_5_VLTextConfig: [usedWindow(4096n), GROUPS, lateWindows],
  Qwen3OmniMoeTalkerCodePredictorConfig: [GROUPS, lateWindows],
  Qwen3VLMoeTextConfig: [GROUPS, { key: 'head_dim', when: 'unset', value: quotient }],
  Qwen3VLTextConfig: [GROUPS],
  Qwen3_5MoeTextConfig: LINEAR,
  Qwen3_5TextConfig: LINEAR,
};

/** The recorded defaults of a class without those that follow from other attributes. */
export function withoutDerived(hfClass: string, target: Target, defaults: PyMap): PyMap {
  const unset = rules(hfClass, target).filter(({ when }) => when === 'unset');
  return { ...defaults, ...Object.fromEntries(unset.map(({ key }) => [key, null])) };
}

/** An object's attributes with those that its class computes, as transformers does in its order. */
export function withDerived(hfClass: string, target: Target, values: PyMap, path: string): PyMap {
  const out: Record<string, PyValue> = { ...values };
  for (const { key, when, value } of rules(hfClass, target)) {
    if (when === 'always' || (out[key] ?? null) === null) out[key] = value(new HfConfig(out, path));
  }
  return out;
}

function rules(hfClass: string, target: Target): readonly Derived[] {
  return (DERIVED[hfClass] ?? []).filter(({ targets }) => targets?.includes(target) ?? true);
}
