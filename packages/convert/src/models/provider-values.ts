import type { PyMap, PyValue } from '@nemotron-convert/core';
import type { HfConfig } from './hf-config.js';
import type { Fields } from './provider.js';

/** A function or class as run_config.yaml prints it. */
export const named = (target: string): PyMap => ({ _call_: false, _target_: target });

export const BFLOAT16 = named('torch.bfloat16');

/** Megatron-Core's block spec with Transformer Engine, bound as the Bridge binds it. */
export const DECODER_BLOCK_SPEC: PyMap = {
  _args_: [],
  _partial_: true,
  _target_: 'megatron.core.models.gpt.gpt_layer_specs.get_gpt_decoder_block_spec',
  use_transformer_engine: true,
};

/** `moe_layer_freq`: the first layers dense, the rest mixtures. */
export function denseFirst(hf: HfConfig, dense: number): readonly PyValue[] {
  return Array.from({ length: Math.max(dense, hf.int('num_hidden_layers')) }, (_, i) =>
    i < dense ? 0n : 1n,
  );
}

/** Width of shared experts: a count of them times a width, as one MLP. */
export function sharedWidth(hf: HfConfig, width: string, count: string): Fields {
  return { moe_shared_expert_intermediate_size: BigInt(hf.int(width) * hf.int(count)) };
}
