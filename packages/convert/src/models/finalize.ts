import type { PyMap, PyValue, TargetDtype } from '@nemotron-convert/core';
import { namesDenseLayers } from './constraints.js';
import type { Fields, ParallelSizes } from './provider.js';
import { divisor, int, number } from './provider-fields.js';
import type { Target } from './target.js';

/**
 * Completes a provider as Megatron-Core's TransformerConfig.__post_init__ and the import path do: unset sizes, initial
 * value functions, dtypes and parallel sizes.
 */
export function finalize(fields: Fields, target: Target, dtype: TargetDtype, sizes: ParallelSizes): Fields {
  const out: Fields = { ...fields };
  const unset = (name: string): boolean => name in out && out[name] === null;
  const fill = (name: string, value: () => PyValue): void => {
    if (unset(name)) out[name] = value();
  };
  const torch = (name: string): PyMap => ({ _call_: false, _target_: `torch.${name}` });

  fill('ffn_hidden_size', () => BigInt(4 * int(out, 'hidden_size')));
  fill('kv_channels', () =>
    BigInt(Math.floor(int(out, 'hidden_size') / divisor(out, 'num_attention_heads'))),
  );
  fill('num_query_groups', () => out['num_attention_heads'] ?? null);
  if (out['apply_query_key_layer_scaling'] === true) out['attention_softmax_in_fp32'] = true;
  if ((out['num_moe_experts'] ?? null) !== null)
    fill('moe_ffn_hidden_size', () => out['ffn_hidden_size'] ?? null);
  else if (target !== '0.3.1' && namesDenseLayers(out)) out['moe_ffn_hidden_size'] = null;
  fill('recompute_modules', () => ['core_attn']);
  fill('autocast_dtype', () => out['params_dtype'] ?? null);
  fill('microbatch_group_size_per_vp_stage', () => BigInt(sizes.pp));
  if (out['is_hybrid_model'] !== true && out['position_embedding_type'] !== 'rope')
    out['apply_rope_fusion'] = false;

  const std = out['init_method_std'] ?? null;
  fill('embedding_init_method_std', () => std);
  fill('embedding_init_method', () => normal(out['embedding_init_method_std'] ?? null));
  fill('init_method', () => normal(std));
  const multiplier = out['is_hybrid_model'] === true ? 1 : 2;
  fill('output_layer_init_method', () =>
    normal(number(out, 'init_method_std') / Math.sqrt(multiplier * number(out, 'num_layers'))),
  );

  for (const name of ['cuda_graph_scope', 'cuda_graph_modules']) {
    const value = out[name];
    if (name in out && (value === null || value === 'full'))
      out[name] = target === '0.3.1' || name === 'cuda_graph_modules' ? [] : null;
  }
  fill('inference_cuda_graph_scope', () => ({
    _args_: [1n],
    _call_: true,
    _name_: 'none',
    _target_: 'megatron.core.transformer.enums.InferenceCudaGraphScope',
  }));

  out['perform_initialization'] = false;
  out['use_cpu_initialization'] = true;
  out['tensor_model_parallel_size'] = BigInt(sizes.tp);
  out['pipeline_model_parallel_size'] = BigInt(sizes.pp);
  out['expert_model_parallel_size'] = BigInt(sizes.ep);
  out['expert_tensor_parallel_size'] = BigInt(sizes.etp);
  if (sizes.tp > 1) out['sequence_parallel'] = true;
  // Stages of 0.7.0 hand on the residual stream as it is.
  const wide = target !== '0.3.1' && out['fp32_residual_connection'] === true;
  if (sizes.tp * sizes.pp * sizes.ep * sizes.etp > 1) out['pipeline_dtype'] = torch(wide ? 'float32' : dtype);
  return out;
}

/** `pipeline_model_parallel_layout` of stages with so many decoder layers each. */
export function stageLayout(layers: readonly number[], predicted = 0): PyValue {
  return layers.map((count, stage) => [
    ...(stage === 0 ? ['embedding'] : []),
    ...Array.from({ length: count }, () => 'decoder'),
    ...(stage === layers.length - 1 ? [...Array.from({ length: predicted }, () => 'mtp'), 'loss'] : []),
  ]);
}

/** Layers dealt to stages, the first of which get what is left over. */
export function evenStages(layers: number, stages: number): readonly number[] {
  return Array.from(
    { length: stages },
    (_, stage) => Math.floor(layers / stages) + (stage < layers % stages ? 1 : 0),
  );
}

function normal(std: PyValue): PyMap {
  return { _args_: [], _partial_: true, _target_: 'torch.nn.init.normal_', mean: 0.0, std };
}
