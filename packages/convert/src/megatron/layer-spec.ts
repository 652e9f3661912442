import { isPyMap } from '@nemotron-convert/core';
import type { Fields } from '../models/provider.js';

/** What a Bridge's own layer spec changes of the standard transformer layer. */
export interface LayerSpec {
  /** A norm after linear_proj and after linear_fc2, inside these modules. */
  readonly postNorms: boolean;
  /** The norm before attention, inside linear_qkv. */
  readonly attentionNorm: boolean;
  /** The norm before a dense MLP, inside linear_fc1. */
  readonly mlpNorm: boolean;
  /**
   * Norms of queries and keys: none, over one head, or over all heads together; `sharded` ones are cut with the heads
   * and have no extra state.
   */
  readonly queryKeyNorms: 'none' | 'head' | 'heads' | 'sharded';
  /** The router's weight stays in float32, whatever the model's dtype. */
  readonly float32Router: boolean;
}

/** The name of the function that builds the layers; empty where the provider records none. */
export function specName(provider: Fields): string {
  const recorded = provider['transformer_layer_spec'] ?? provider['falconh1_stack_spec'] ?? null;
  const target = isPyMap(recorded) ? recorded['_target_'] : undefined;
  return typeof target === 'string' ? target.slice(target.lastIndexOf('.') + 1) : '';
}

const POST_NORMS = { attentionNorm: false, mlpNorm: false, postNorms: true } as const;

/** By the function's name, as run_config.yaml records it in `transformer_layer_spec`. */
const SPECS: Readonly<Record<string, Partial<LayerSpec>>> = {
  gemma2_layer_spec: { postNorms: true, queryKeyNorms: 'none' },
  // Builds the norms whatever qk_layernorm says.
  gemma3_layer_spec: { postNorms: true, queryKeyNorms: 'head' },
  olmoe_layer_spec: { queryKeyNorms: 'heads' },
  get_default_falconh1_stack_spec: { attentionNorm: false },
  exaone4_layer_spec: POST_NORMS,
  exaone_45_transformer_layer_spec: POST_NORMS,
  gemma4_block_spec: { postNorms: true },
  build_kimi_k3_spec: { mlpNorm: false },
  minimax_m2_layer_spec: { queryKeyNorms: 'sharded' },
  minimax_m3_block_spec: { float32Router: true },
};

export function layerSpec(provider: Fields): LayerSpec {
  const name = specName(provider);
  return {
    postNorms: false,
    attentionNorm: true,
    mlpNorm: true,
    float32Router: false,
    queryKeyNorms: provider['qk_layernorm'] === true ? 'head' : 'none',
    ...(Object.hasOwn(SPECS, name) ? SPECS[name] : {}),
  };
}
