import { int } from '../../models/provider-fields.js';
import type { Scope } from '../model.js';
import { clippedLinear } from './clipped.js';
import type { EncoderContext } from './index.js';
import { numbered, torchConv, torchLinear, torchRmsNorm } from './torch.js';

/** Gemma4AudioModel of transformers: a conformer behind two convolutions. */
export function gemma4Audio(scope: Scope, { config }: EncoderContext): void {
  const hidden = config.int('hidden_size');
  const clipped = config.truthy('use_clipped_linears');
  const linear = (at: Scope, path: string, outputs: number, inputs: number): void =>
    clippedLinear(at, path, outputs, inputs, clipped);
  subsampling(
    scope.child('subsample_conv_projection'),
    hidden,
    config.list('subsampling_conv_channels').map(Number),
  );
  for (const layer of numbered(scope, 'layers', config.int('num_hidden_layers'))) {
    for (const path of ['feed_forward1', 'feed_forward2']) {
      const forward = layer.child(path);
      linear(forward, 'ffw_layer_1', 4 * hidden, hidden);
      linear(forward, 'ffw_layer_2', hidden, 4 * hidden);
      for (const name of ['pre_layer_norm', 'post_layer_norm']) torchRmsNorm(forward, name, hidden);
    }
    const attention = layer.child('self_attn');
    for (const name of ['q_proj', 'k_proj', 'v_proj', 'post']) linear(attention, name, hidden, hidden);
    torchLinear(attention, 'relative_k_proj', hidden, hidden, false);
    attention.param('per_dim_scale', [Math.floor(hidden / config.positive('num_attention_heads'))]);
    const conv = layer.child('lconv1d');
    linear(conv, 'linear_start', 2 * hidden, hidden);
    linear(conv, 'linear_end', hidden, hidden);
    torchConv(conv, 'depthwise_conv1d', hidden, 1, [config.int('conv_kernel_size')], false);
    for (const name of ['pre_layer_norm', 'conv_norm']) torchRmsNorm(conv, name, hidden);
    for (const name of ['norm_pre_attn', 'norm_post_attn', 'norm_out']) torchRmsNorm(layer, name, hidden);
  }
  torchLinear(scope, 'output_proj', config.int('output_proj_dims'), hidden);
}

function subsampling(at: Scope, hidden: number, channels: readonly number[]): void {
  const [first = 0, second = 0] = channels;
  torchConv(at, 'layer0.conv', first, 1, [3, 3], false);
  torchConv(at, 'layer1.conv', second, first, [3, 3], false);
  torchRmsNorm(at, 'layer0.norm', first);
  torchRmsNorm(at, 'layer1.norm', second);
  torchLinear(at, 'input_proj_linear', hidden, Math.floor(first / 4) * second, false);
}

/** The projection of what the encoder heard into the language model; its norm has no weight. */
export function gemma4AudioEmbedder(scope: Scope, { config, provider }: EncoderContext): void {
  torchLinear(
    scope,
    'embedding_projection',
    int(provider, 'hidden_size'),
    config.int('output_proj_dims'),
    false,
  );
}
