import { NemotronError, type PyMap } from '@nemotron-convert/core';
import type { HfConfig } from './hf-config.js';
import { named } from './provider-values.js';
import type { Target } from './target.js';

const COMMON = {
  silu: 'torch.nn.functional.silu',
  gelu: 'torch._C._nn.gelu',
  relu: 'torch.nn.functional.relu',
  relu2: 'megatron.core.activations.squared_relu',
  tanh: 'torch._VariableFunctionsClass.tanh',
  gelu_pytorch_tanh: 'megatron.core.activations.fast_gelu',
} as const;

/** The activations that a Bridge version knows, with the names that its YAML writer prints. */
const ACTIVATIONS: Readonly<Record<Target, Readonly<Record<string, string>>>> = {
  '0.3.1': COMMON,
  '0.7.0': {
    ...COMMON,
    squared_relu: 'megatron.core.activations.squared_relu',
    sigmoid: 'torch.nn.functional.sigmoid',
    fast_gelu: 'megatron.core.activations.fast_gelu',
    quick_gelu: 'megatron.core.fusions.fused_bias_geglu.quick_gelu',
    'torch.nn.functional.gelu': 'torch._C._nn.gelu',
    'torch.nn.functional.relu': 'torch.nn.functional.relu',
    'torch.nn.functional.silu': 'torch.nn.functional.silu',
    'torch.nn.functional.sigmoid': 'torch.nn.functional.sigmoid',
    'torch.tanh': 'torch._VariableFunctionsClass.tanh',
  },
};

/**
 * `activation_func` for config.json's hidden_act, else hidden_activation, else silu. Throws SOURCE_CONFIG_INVALID for a
 * name that the version's Megatron-Bridge refuses; `own` are names that only the family's bridge knows.
 */
export function activation(hf: HfConfig, target: Target, own: Readonly<Record<string, string>> = {}): PyMap {
  const key = hf.truthy('hidden_act') ? 'hidden_act' : 'hidden_activation';
  const name = key in hf.values ? hf.string(key) : 'silu';
  const known = { ...ACTIVATIONS[target], ...own };
  const found = Object.hasOwn(known, name) ? known[name] : undefined;
  if (found !== undefined) return named(found);
  throw new NemotronError(
    'SOURCE_CONFIG_INVALID',
    `${hf.path}: ${key} is ${name}, which Megatron-Bridge ${target} has no function for`,
    { facts: { key, found: name, expected: Object.keys(known) } },
  );
}
