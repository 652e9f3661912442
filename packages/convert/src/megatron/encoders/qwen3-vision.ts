import type { HfConfig } from '../../models/hf-config.js';
import { selfAttention } from '../attention.js';
import { linear, norm } from '../linear.js';
import { denseMlp } from '../mlp.js';
import type { Scope } from '../model.js';
import type { EncoderContext } from './index.js';
import { numbered, torchConv, torchEmbedding, torchLayerNorm, torchLinear } from './torch.js';

/** Names of a merger and of the list of mergers for the language model's early layers. */
interface MergerNames {
  readonly norm: string;
  readonly first: string;
  readonly second: string;
  readonly list: string;
}

/** Qwen3VLVisionModel of transformers. */
export function qwen3VisionOfTransformers(scope: Scope, { config }: EncoderContext): void {
  visionModel(scope, config, {
    norm: 'norm',
    first: 'linear_fc1',
    second: 'linear_fc2',
    list: 'deepstack_merger_list',
  });
}

/** Qwen3OmniMoeVisionEncoder of transformers. */
export function qwen3OmniVision(scope: Scope, { config }: EncoderContext): void {
  visionModel(scope, config, { norm: 'ln_q', first: 'mlp.0', second: 'mlp.2', list: 'merger_list' });
}

function visionModel(scope: Scope, config: HfConfig, names: MergerNames): void {
  const hidden = config.int('hidden_size');
  const width = config.int('intermediate_size');
  const merged = hidden * config.int('spatial_merge_size') ** 2;
  embeddings(scope, config);
  for (const block of numbered(scope, 'blocks', config.int('depth'))) {
    torchLayerNorm(block, 'norm1', hidden);
    torchLayerNorm(block, 'norm2', hidden);
    torchLinear(block, 'attn.qkv', 3 * hidden, hidden);
    torchLinear(block, 'attn.proj', hidden, hidden);
    torchLinear(block, 'mlp.linear_fc1', width, hidden);
    torchLinear(block, 'mlp.linear_fc2', hidden, width);
  }
  const merger = (at: Scope, normed: number): void => {
    torchLayerNorm(at, names.norm, normed);
    torchLinear(at, names.first, merged, merged);
    torchLinear(at, names.second, config.int('out_hidden_size'), merged);
  };
  merger(scope.child('merger'), hidden);
  for (const at of numbered(scope, names.list, deepstack(config))) merger(at, merged);
}

/** The Bridge's own Qwen3VLVisionModel: a transformer block of Megatron-Core with biases and LayerNorms. */
export function qwen3Vision(scope: Scope, { config }: EncoderContext): void {
  const hidden = config.int('hidden_size');
  const layers = config.int('depth');
  const heads = config.positive('num_heads');
  const merged = hidden * config.int('spatial_merge_size') ** 2;
  const provider = {
    hidden_size: BigInt(hidden),
    ffn_hidden_size: BigInt(config.int('intermediate_size')),
    num_attention_heads: BigInt(heads),
    num_query_groups: BigInt(heads),
    kv_channels: BigInt(Math.floor(hidden / heads)),
    add_bias_linear: true,
    normalization: 'LayerNorm',
  };
  embeddings(scope, config);
  for (let i = 0; i < layers; i += 1) {
    const layer = scope.stacked('decoder.layers', i, layers).with(provider);
    selfAttention(layer, provider);
    denseMlp(layer, provider);
  }
  const merger = (at: Scope, normed: number): void => {
    norm(at, 'patch_norm', normed, provider);
    linear(at, 'linear_fc1', merged, merged, { split: 'column', bias: true });
    linear(at, 'linear_fc2', config.int('out_hidden_size'), merged, { split: 'row', bias: true });
  };
  merger(scope.child('merger'), hidden);
  const count = deepstack(config);
  for (let i = 0; i < count; i += 1) merger(scope.stacked('decoder.deepstack_merger_list', i, count), merged);
}

function embeddings(scope: Scope, config: HfConfig): void {
  const hidden = config.int('hidden_size');
  const patch = config.int('patch_size');
  const kernel = [config.int('temporal_patch_size'), patch, patch];
  torchConv(scope, 'patch_embed.proj', hidden, config.int('in_channels'), kernel);
  torchEmbedding(scope, 'pos_embed', config.int('num_position_embeddings'), hidden);
}

/** Layers whose features are merged into the language model's early layers. */
function deepstack(config: HfConfig): number {
  return config.has('deepstack_visual_indexes') ? config.list('deepstack_visual_indexes').length : 0;
}
