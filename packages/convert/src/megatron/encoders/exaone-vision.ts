import { selfAttention } from '../attention.js';
import { linear, norm } from '../linear.js';
import { denseMlp } from '../mlp.js';
import type { Scope } from '../model.js';
import type { EncoderContext } from './index.js';
import { torchConv } from './torch.js';

/** The Bridge's Exaone45VisionModel: a transformer block of Megatron-Core with grouped queries and gated MLPs. */
export function exaone45Vision(scope: Scope, { config }: EncoderContext): void {
  const hidden = config.int('hidden_size');
  const layers = config.int('depth');
  const heads = config.positive('num_heads');
  const patch = config.int('patch_size');
  const kernel = [config.int('temporal_patch_size'), patch, patch];
  const provider = {
    hidden_size: BigInt(hidden),
    ffn_hidden_size: BigInt(config.int('intermediate_size')),
    num_attention_heads: BigInt(heads),
    num_query_groups: BigInt(config.int('num_key_value_heads')),
    kv_channels: BigInt(Math.floor(hidden / heads)),
    add_bias_linear: true,
    gated_linear_unit: true,
    normalization: 'RMSNorm',
  };
  torchConv(scope, 'patch_embed.proj', hidden, config.int('in_channels'), kernel, false);
  for (let i = 0; i < layers; i += 1) {
    const layer = scope.stacked('decoder.layers', i, layers).with(provider);
    selfAttention(layer, provider);
    denseMlp(layer, provider);
  }
  const merged = hidden * config.int('spatial_merge_size') ** 2;
  const merger = scope.child('merger');
  norm(merger, 'patch_norm', hidden, provider);
  linear(merger, 'linear_fc1', merged, merged, { split: 'column', bias: true });
  linear(merger, 'linear_fc2', config.int('out_hidden_size'), merged, { split: 'row', bias: true });
}
