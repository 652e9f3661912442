import type { Fields } from '../models/provider.js';
import { int } from '../models/provider-fields.js';
import { layerSpec } from './layer-spec.js';
import { linear, norm, normalization } from './linear.js';
import type { Part, Scope } from './model.js';

/** Gate rows and up rows are chunks of their own, so that tensor parallelism cuts each of them. */
function fc1Parts(provider: Fields, width: number): readonly Part[] {
  const half = { suffix: null, rows: width };
  return provider['gated_linear_unit'] === true ? [half, half] : [half];
}

function fc1Rows(provider: Fields, width: number): number {
  return provider['gated_linear_unit'] === true ? 2 * width : width;
}

/** A dense MLP with its norm fused into linear_fc1. */
export function denseMlp(layer: Scope, provider: Fields): void {
  const hidden = int(provider, 'hidden_size');
  const width = int(provider, 'ffn_hidden_size');
  const bias = provider['add_bias_linear'] === true;
  const at = layer.child('mlp');
  linear(at, 'linear_fc1', fc1Rows(provider, width), hidden, {
    split: 'column',
    bias,
    parts: fc1Parts(provider, width),
    ...(layerSpec(provider).mlpNorm ? { norm: normalization(provider) } : {}),
  });
  linear(at, 'linear_fc2', hidden, width, { split: 'row', bias });
  if (layerSpec(provider).postNorms) norm(at, 'linear_fc2.post_layernorm', hidden, provider);
}

/**
 * The place of a mixture of experts: the norm before it, then one pool of experts, or a pool for each kind of token with
 * shared experts beside them. `hashed` experts are looked up by token.
 */
export function moeMlp(layer: Scope, provider: Fields, hashed = false): void {
  norm(layer, 'pre_mlp_layernorm', int(provider, 'hidden_size'), provider);
  const at = layer.child('mlp');
  const widths = provider['moe_intermediate_size'];
  if (!Array.isArray(widths)) {
    mixture(at, provider, hashed);
    return;
  }
  for (const [i, pool] of POOLS.entries()) {
    const own = { moe_ffn_hidden_size: widths[i] ?? null, moe_shared_expert_intermediate_size: null };
    mixture(at.child(pool), { ...provider, ...own }, hashed);
  }
  sharedExperts(at, provider, int(provider, 'hidden_size'));
}

const POOLS = ['text_moe_layer', 'vision_moe_layer'];

/** A mixture of experts: router, grouped experts, optional latent projections and shared experts. */
function mixture(at: Scope, provider: Fields, hashed: boolean): void {
  const hidden = int(provider, 'hidden_size');
  const experts = int(provider, 'num_moe_experts');
  const width = int(provider, 'moe_ffn_hidden_size');
  const latent = (provider['moe_latent_size'] ?? null) === null ? null : int(provider, 'moe_latent_size');
  const bias = provider['add_bias_linear'] === true;
  at.param('router.weight', [experts, hidden], layerSpec(provider).float32Router ? { keeps: 'float32' } : {});
  if (bias) at.param('router.bias', [experts]);
  if (hashed) {
    const tokens = int(provider, 'actual_vocab_size');
    at.param('router.tid2eid', [tokens, int(provider, 'moe_router_topk')], { keeps: 'int32' });
  } else if (provider['moe_router_enable_expert_bias'] === true) {
    at.param('router.expert_bias', [experts], { keeps: 'float32' });
  }
  if (latent !== null) {
    linear(at, 'fc1_latent_proj', latent, hidden, { split: 'replicated', bias });
    linear(at, 'fc2_latent_proj', hidden, latent, { split: 'replicated', bias });
  }
  for (const expert of at.experts(experts)) {
    linear(expert, 'linear_fc1', fc1Rows(provider, width), latent ?? hidden, {
      split: 'column',
      bias,
      parts: fc1Parts(provider, width),
    });
    linear(expert, 'linear_fc2', latent ?? hidden, width, { split: 'row', bias });
  }
  if ((provider['moe_shared_expert_intermediate_size'] ?? null) !== null) sharedExperts(at, provider, hidden);
}

function sharedExperts(mlp: Scope, provider: Fields, hidden: number): void {
  const width = int(provider, 'moe_shared_expert_intermediate_size');
  const at = mlp.child('shared_experts');
  linear(at, 'linear_fc1', fc1Rows(provider, width), hidden, {
    split: 'column',
    parts: fc1Parts(provider, width),
  });
  linear(at, 'linear_fc2', hidden, width, { split: 'row' });
  if (provider['moe_shared_expert_gate'] === true) at.param('gate_weight', [1, hidden]);
}
