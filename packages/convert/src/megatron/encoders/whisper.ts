import type { HfConfig } from '../../models/hf-config.js';
import { int } from '../../models/provider-fields.js';
import type { Scope } from '../model.js';
import type { EncoderContext } from './index.js';
import { numbered, torchConv, torchEmbedding, torchLayerNorm, torchLinear, torchLinears } from './torch.js';

/** Qwen2AudioEncoder of transformers, which is Whisper's. */
export function qwen2Audio(scope: Scope, { config }: EncoderContext): void {
  const hidden = config.int('d_model');
  torchConv(scope, 'conv1', hidden, config.int('num_mel_bins'), [3]);
  torchConv(scope, 'conv2', hidden, hidden, [3]);
  torchEmbedding(scope, 'embed_positions', config.int('max_source_positions'), hidden);
  whisperLayers(scope, config, { keyBias: false });
  torchLayerNorm(scope, 'layer_norm', hidden);
}

/** Qwen2AudioMultiModalProjector of transformers. */
export function qwen2AudioProjector(scope: Scope, { config, provider }: EncoderContext): void {
  torchLinear(scope, 'linear', int(provider, 'hidden_size'), config.int('d_model'));
}

/** Layers of a Whisper encoder. */
export function whisperLayers(scope: Scope, config: HfConfig, { keyBias }: { keyBias: boolean }): void {
  const hidden = config.int('d_model');
  const width = config.int('encoder_ffn_dim');
  for (const layer of numbered(scope, 'layers', config.int('encoder_layers'))) {
    const attention = layer.child('self_attn');
    torchLinear(attention, 'k_proj', hidden, hidden, keyBias);
    torchLinears(attention, ['v_proj', 'q_proj', 'out_proj'], hidden, hidden);
    torchLayerNorm(layer, 'self_attn_layer_norm', hidden);
    torchLinear(layer, 'fc1', width, hidden);
    torchLinear(layer, 'fc2', hidden, width);
    torchLayerNorm(layer, 'final_layer_norm', hidden);
  }
}

/** Qwen2_5OmniAudioEncoder of transformers. */
export function qwen25OmniAudio(scope: Scope, { config }: EncoderContext): void {
  const hidden = config.int('d_model');
  torchConv(scope, 'conv1', hidden, config.int('num_mel_bins'), [3]);
  torchConv(scope, 'conv2', hidden, hidden, [3]);
  torchEmbedding(scope, 'audio_bos_eos_token', 2, config.int('output_dim'));
  whisperLayers(scope, config, { keyBias: false });
  torchLayerNorm(scope, 'ln_post', hidden);
  torchLinear(scope, 'proj', config.int('output_dim'), hidden);
}

/** Qwen3OmniMoeAudioEncoder of transformers: three strided convolutions over the mel bins, then Whisper's layers. */
export function qwen3OmniAudio(scope: Scope, { config }: EncoderContext): void {
  const hidden = config.int('d_model');
  const channels = config.int('downsample_hidden_size');
  let bins = config.int('num_mel_bins');
  for (const [i, inputs] of [1, channels, channels].entries()) {
    torchConv(scope, `conv2d${i + 1}`, channels, inputs, [3, 3]);
    bins = Math.floor((bins + 1) / 2);
  }
  torchLinear(scope, 'conv_out', hidden, channels * bins, false);
  whisperLayers(scope, config, { keyBias: true });
  torchLayerNorm(scope, 'ln_post', hidden);
  torchLinear(scope, 'proj1', hidden, hidden);
  torchLinear(scope, 'proj2', config.int('output_dim'), hidden);
}
