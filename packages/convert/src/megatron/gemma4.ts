import type { Fields } from '../models/provider.js';
import { int } from '../models/provider-fields.js';
import type { Target } from '../models/target.js';
import { queryKeyNorms, selfAttention } from './attention.js';
import { isStacked, outputLayer, wordEmbeddings } from './gpt.js';
import { norm } from './linear.js';
import { moeMlp } from './mlp.js';
import { ModelDescription, type Part, type Scope, type Split } from './model.js';

/** A layer's attention: in a window or over all positions, and where its keys and values come from. */
interface Attention {
  readonly suffix: 'sliding' | 'global';
  readonly kind: 'shared' | 'tied' | null;
  /** The provider with the sizes of its kind. */
  readonly provider: Fields;
}

/**
 * The Bridge's Gemma 4. Sliding and global layers have heads of other sizes, so that their attention lies under keys of
 * its own, each stacked over the layers of its kind. Mixtures are Transformer Engine layers with further norms around
 * router, experts and MLP; dense models are made of plain linear layers, with a small embedding for each layer.
 */
export function describeGemma4(provider: Fields, _: Target, prefix = ''): ModelDescription {
  const model = new ModelDescription(prefix);
  const layers = int(provider, 'num_layers');
  const hidden = int(provider, 'hidden_size');
  const stacked = isStacked(provider);
  const mixture = (provider['num_moe_experts'] ?? null) !== null;
  wordEmbeddings(model, provider);
  if (!mixture) layerEmbeddings(model, provider);
  const wide = globalProvider(provider, mixture);
  const kinds = Array.from({ length: layers }, (_, i) => attentionOf(provider, wide, i, mixture));
  for (const [index, kind] of kinds.entries()) {
    const key = stacked ? 'decoder.layers.' : `decoder.layers.${index}.`;
    const axes = stacked ? [{ index, count: layers }] : [];
    const layer = model.scope('decoder.layers.*.', key, index, [index], axes).with(kind.provider);
    const same = kinds.flatMap(({ suffix }, i) => (suffix === kind.suffix ? [i] : []));
    const own = stacked ? [{ index: same.indexOf(index), count: same.length }] : [];
    const attention = layer.kind('self_attention', kind.kind, kind.suffix, own);
    if (mixture) mixtureLayer(layer, attention, kind.provider);
    else denseLayer(layer, attention, kind.provider, index);
    layer.param('layer_scalar', [1]);
  }
  norm(model.scope('decoder.', 'decoder.', 'last'), 'final_layernorm', hidden, provider);
  outputLayer(model, provider);
  return model;
}

/** The provider with the sizes of global layers. */
function globalProvider(provider: Fields, mixture: boolean): Fields {
  const size = provider[mixture ? 'global_head_dim' : 'global_kv_channels'] ?? null;
  const groups = provider[mixture ? 'num_global_key_value_heads' : 'num_global_query_groups'] ?? null;
  return {
    ...provider,
    kv_channels: size,
    num_query_groups: groups ?? provider['num_query_groups'] ?? null,
  };
}

function attentionOf(provider: Fields, wide: Fields, index: number, mixture: boolean): Attention {
  const sliding = mixture ? inPattern(provider, index) : inWindow(provider, index);
  const tied = !sliding && provider['attention_k_eq_v'] === true;
  return {
    suffix: sliding ? 'sliding' : 'global',
    kind: !mixture && index >= firstShared(provider) ? 'shared' : tied ? 'tied' : null,
    provider: sliding ? provider : wide,
  };
}

/** The last layers of a dense model attend to the keys and values of an earlier one. */
function firstShared(provider: Fields): number {
  return int(provider, 'num_layers') - int(provider, 'num_kv_shared_layers');
}

function inPattern(provider: Fields, index: number): boolean {
  const pattern = provider['interleaved_attn_pattern'] as readonly (bigint | string)[];
  if (typeof pattern[0] === 'string') return pattern[index] === 'sliding_attention';
  const [sliding = 0, full = 0] = pattern.map(Number);
  return index % (sliding + full) < sliding;
}

function inWindow(provider: Fields, index: number): boolean {
  const kinds = provider['window_attn_skip_freq'] as readonly boolean[];
  return kinds[index] === true;
}

function mixtureLayer(layer: Scope, attention: Scope, provider: Fields): void {
  const hidden = int(provider, 'hidden_size');
  selfAttention(layer, provider, attention);
  queryKeyNorms(layer, provider, attention);
  moeMlp(layer, provider);
  layer.param('pre_shared_expert_layernorm.weight', [hidden]);
  layer.param('post_ffn_layernorm.weight', [hidden]);
  const mlp = layer.child('mlp');
  mlp.param('router.scale', [hidden]);
  mlp.param('router.per_expert_scale', [int(provider, 'num_moe_experts')]);
  mlp.param('post_moe_layernorm.weight', [hidden]);
  mlp.param('post_shared_expert_layernorm.weight', [hidden]);
}

const NORMS = ['input_layernorm', 'post_self_attn_layernorm', 'pre_mlp_layernorm', 'post_mlp_layernorm'];

function denseLayer(layer: Scope, attention: Scope, provider: Fields, index: number): void {
  const hidden = int(provider, 'hidden_size');
  const size = int(provider, 'kv_channels');
  const heads = int(provider, 'num_attention_heads');
  const rows = (heads + 2 * int(provider, 'num_query_groups')) * size;
  plainLinear(attention, 'linear_qkv', rows, hidden, 'column');
  plainLinear(attention, 'linear_proj', hidden, heads * size, 'row');
  for (const name of ['q_layernorm', 'k_layernorm']) attention.param(`${name}.weight`, [size]);
  for (const name of NORMS) layer.param(`${name}.weight`, [hidden]);

  const wide = provider['use_double_wide_mlp'] === true && index >= firstShared(provider);
  const width = int(provider, 'ffn_hidden_size') * (wide ? 2 : 1);
  const half = { suffix: null, rows: width };
  const mlp = layer.child('mlp');
  plainLinear(mlp, 'linear_fc1', 2 * width, hidden, 'column', [half, half]);
  plainLinear(mlp, 'linear_fc2', hidden, width, 'row');

  const inner = int(provider, 'per_layer_embed_dim');
  if (inner === 0) return;
  layer.param('per_layer_input_gate.weight', [inner, hidden]);
  layer.param('per_layer_projection.weight', [hidden, inner]);
  layer.param('post_per_layer_input_norm.weight', [hidden]);
}

/** The embedding of each token in each layer, and the projection of the hidden state that is added to it. */
function layerEmbeddings(model: ModelDescription, provider: Fields): void {
  const size = int(provider, 'per_layer_embed_dim');
  const vocab = int(provider, 'per_layer_embed_vocab_size');
  if (size === 0 || vocab === 0) return;
  const outputs = int(provider, 'num_layers') * size;
  const first = model.scope('', '', 'first');
  first.param('per_layer_embedding.weight', [vocab, outputs], { split: 'column' });
  plainLinear(first, 'per_layer_model_proj', outputs, int(provider, 'hidden_size'), 'column');
  first.param('per_layer_proj_norm.weight', [size]);
}

/** Megatron-Core's own parallel linear layer: its extra state holds nothing. */
function plainLinear(
  scope: Scope,
  path: string,
  outputs: number,
  inputs: number,
  split: Split,
  parts?: readonly Part[],
): void {
  const at = scope.child(path);
  at.param('weight', [outputs, inputs], parts === undefined ? { split } : { split, parts });
  at.state('', 'extra_state_none');
}
