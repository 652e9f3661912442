import type { PyMap } from '@nemotron-convert/core';
import { HfConfig } from '../../models/hf-config.js';
import { int } from '../../models/provider-fields.js';
import { linear } from '../linear.js';
import type { Scope } from '../model.js';
import type { EncoderContext } from './index.js';
import { numbered, torchConv, torchLayerNorm, torchLinear, torchLinears } from './torch.js';

/** What the Bridge leaves at the defaults of ParakeetEncoderConfig, whatever config.json says. */
const CHANNELS = 256;
const KERNEL = [3, 3] as const;

/** ParakeetEncoder of transformers, where the model hears: a FastConformer behind strided convolutions over mel bins. */
export function parakeet(scope: Scope, { whole, provider }: EncoderContext): void {
  if (provider['has_sound'] !== true) return;
  const config = new HfConfig(provider['sound_config'] as PyMap, `${whole.path}: sound_config`);
  const hidden = config.int('hidden_size');
  const bias = config.truthy('convolution_bias');
  const factor = config.int('subsampling_factor');
  subsampling(scope.child('subsampling'), hidden, config.int('num_mel_bins'), factor);
  const heads = config.positive('num_attention_heads');
  const kernel = config.has('conv_kernel_size') ? config.int('conv_kernel_size') : 9;
  for (const layer of numbered(scope, 'layers', config.int('num_hidden_layers'))) {
    for (const half of ['feed_forward1', 'feed_forward2']) {
      torchLinear(layer, `${half}.linear1`, config.int('intermediate_size'), hidden, bias);
      torchLinear(layer, `${half}.linear2`, hidden, config.int('intermediate_size'), bias);
      torchLayerNorm(layer, `norm_${half}`, hidden);
    }
    const attention = layer.child('self_attn');
    torchLinears(attention, ['q_proj', 'k_proj', 'v_proj', 'o_proj'], hidden, hidden, bias);
    torchLinear(attention, 'relative_k_proj', hidden, hidden, false);
    attention.param('bias_u', [heads, hidden / heads]);
    attention.param('bias_v', [heads, hidden / heads]);
    const conv = layer.child('conv');
    torchConv(conv, 'pointwise_conv1', 2 * hidden, hidden, [1], bias);
    torchConv(conv, 'depthwise_conv', hidden, 1, [kernel], bias);
    torchConv(conv, 'pointwise_conv2', hidden, hidden, [1], bias);
    batchNorm(conv, 'norm', hidden);
    for (const name of ['norm_self_att', 'norm_conv', 'norm_out']) torchLayerNorm(layer, name, hidden);
  }
}

/** One convolution, then pairs of a depthwise and a pointwise one; each first of them halves the mel bins. */
function subsampling(scope: Scope, hidden: number, bins: number, factor: number): void {
  const halvings = Math.floor(Math.log2(factor));
  torchConv(scope, 'layers.0', CHANNELS, 1, KERNEL);
  for (let i = 1; i < halvings; i += 1) {
    torchConv(scope, `layers.${3 * i - 1}`, CHANNELS, 1, KERNEL);
    torchConv(scope, `layers.${3 * i}`, CHANNELS, CHANNELS, [1, 1]);
  }
  torchLinear(scope, 'linear', hidden, CHANNELS * Math.floor(bins / 2 ** halvings));
}

/** BatchNorm1d with its running statistics and the count of the batches that they come from. */
function batchNorm(scope: Scope, path: string, size: number): void {
  torchLayerNorm(scope, path, size);
  const at = scope.child(path);
  at.param('running_mean', [size]);
  at.param('running_var', [size]);
  at.param('num_batches_tracked', [], { keeps: 'int64' });
}

/** Megatron-Core's MultimodalProjector over the frames that Parakeet hears, an MLP like the language model's. */
export function parakeetProjector(scope: Scope, { provider }: EncoderContext): void {
  if (provider['has_sound'] !== true) return;
  const width = int(provider, 'sound_projection_hidden_size');
  linear(scope, 'linear_fc1', width, int(provider, 'sound_hidden_size'), {
    split: 'column',
    norm: 'RMSNorm',
  });
  linear(scope, 'linear_fc2', int(provider, 'hidden_size'), width, { split: 'row' });
}
