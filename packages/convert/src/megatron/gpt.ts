import type { Fields } from '../models/provider.js';
import { divisor, int } from '../models/provider-fields.js';
import type { Target } from '../models/target.js';
import { queryKeyNorms, selfAttention } from './attention.js';
import {
  compressedAttention,
  hyperConnections,
  isCompressed,
  isHashRouted,
  isHyperConnected,
  streamHead,
} from './dsv4.js';
import { gatedDeltaNet, isLinearAttention } from './gdn.js';
import { heterogeneousLayer } from './heterogeneous.js';
import { attentionResiduals, kimiAttention } from './kimi-k3.js';
import { type LayerPlace, LayerProviders, predictsDensely } from './layer-sizes.js';
import { specName } from './layer-spec.js';
import { norm } from './linear.js';
import { latentAttention } from './mla.js';
import { denseMlp, moeMlp } from './mlp.js';
import { ModelDescription, type Scope } from './model.js';
import { multiTokenPrediction } from './mtp.js';

/** GPTModel: a stack of attention and MLP layers, and the multi-token prediction layers after it. */
export function describeGpt(provider: Fields, target: Target, prefix = ''): ModelDescription {
  const model = new ModelDescription(prefix);
  const layers = int(provider, 'num_layers');
  const stacked = isStacked(provider);
  const own = new LayerProviders(provider);
  const describe = (layer: Scope, place: LayerPlace): void => {
    const sized = own.of(place);
    decoderLayer(sized === provider ? layer : layer.with(sized), sized, place, target);
  };
  wordEmbeddings(model, provider);
  for (let i = 0; i < layers; i += 1) {
    const key = stacked ? 'decoder.layers.' : `decoder.layers.${i}.`;
    const axes = stacked ? [{ index: i, count: layers }] : [];
    const layer = model.scope('decoder.layers.*.', key, i, [i], axes);
    describe(layer, { index: i, predicted: false });
  }
  const decoder = model.scope('decoder.', 'decoder.', 'last');
  norm(decoder, 'final_layernorm', int(provider, 'hidden_size'), provider);
  if (isHyperConnected(provider)) streamHead(decoder, provider);
  multiTokenPrediction(model, provider, target, (layer, index) =>
    describe(layer, { index, predicted: true }),
  );
  outputLayer(model, provider);
  return model;
}

/**
 * A layer of the decoder, or one like its last layer in a prediction depth: the provider says which kind of attention
 * and of MLP it has.
 */
function decoderLayer(layer: Scope, provider: Fields, place: LayerPlace, target: Target): void {
  const index = place.predicted ? int(provider, 'num_layers') - 1 : place.index;
  if (provider['heterogeneous_block_specs'] === true) {
    heterogeneousLayer(layer, provider, index);
    return;
  }
  if (specName(provider) === 'build_kimi_k3_spec') {
    kimiAttention(layer, provider, index);
    attentionResiduals(layer, provider, index);
    if (isMoeLayer(provider, index)) {
      moeMlp(layer, provider);
      layer.param('mlp.routed_expert_norm.weight', [int(provider, 'moe_latent_size')]);
    } else {
      norm(layer, 'pre_mlp_layernorm', int(provider, 'hidden_size'), provider);
      denseMlp(layer, provider);
    }
    return;
  }
  if (isCompressed(provider)) {
    compressedAttention(layer, provider, place.predicted ? int(provider, 'num_layers') + place.index : index);
  } else if (provider['multi_latent_attention'] === true) {
    latentAttention(layer, provider, index, target);
  } else if (isLinearAttention(provider, index)) {
    gatedDeltaNet(layer, provider);
  } else {
    selfAttention(layer, provider);
    queryKeyNorms(layer, provider);
  }
  if (isHyperConnected(provider)) hyperConnections(layer, provider);
  const dense = place.predicted && predictsDensely(provider);
  const hashed = !place.predicted && isHashRouted(provider, index);
  if (!dense && isMoeLayer(provider, index)) moeMlp(layer, provider, hashed);
  else denseMlp(layer, provider);
}

/**
 * Equal layers share a key with a leading layer axis; a stack that may mix layers keeps the number in the key.
 * The rule of TransformerBlock.sharded_state_dict: a list counts as mixed even when all its entries are equal.
 */
export function isStacked(provider: Fields): boolean {
  const mixes = (value: unknown): boolean =>
    Array.isArray(value) || (typeof value === 'bigint' && value > 1n);
  return !(
    provider['hetereogenous_dist_checkpoint'] === true ||
    provider['heterogeneous_block_specs'] === true ||
    mixes(provider['moe_layer_freq']) ||
    mixes(provider['linear_attention_freq'])
  );
}

function isMoeLayer(provider: Fields, layer: number): boolean {
  if ((provider['num_moe_experts'] ?? null) === null) return false;
  const frequency = provider['moe_layer_freq'];
  if (Array.isArray(frequency)) return frequency[layer] === 1n;
  return layer % divisor(provider, 'moe_layer_freq') === 0;
}

export function wordEmbeddings(model: ModelDescription, provider: Fields): void {
  const shape = [int(provider, 'vocab_size'), int(provider, 'hidden_size')];
  model
    .scope('embedding.', 'embedding.', 'first')
    .param('word_embeddings.weight', shape, { split: 'column' });
}

/** The output layer of an untied model, or the head over labels that a classifier has in its place. */
export function outputLayer(model: ModelDescription, provider: Fields): void {
  const last = model.scope('', '', 'last');
  if (typeof provider['num_labels'] === 'bigint') {
    const labels = int(provider, 'num_labels');
    last.param('output_layer.weight', [labels, int(provider, 'hidden_size')]);
    last.param('output_layer.bias', [labels]);
    return;
  }
  if (provider['share_embeddings_and_output_weights'] === true) return;
  const shape = [int(provider, 'vocab_size'), int(provider, 'hidden_size')];
  last.param('output_layer.weight', shape, { split: 'column' });
}
