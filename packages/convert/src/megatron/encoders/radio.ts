import { int } from '../../models/provider-fields.js';
import { selfAttention } from '../attention.js';
import { linear } from '../linear.js';
import { denseMlp } from '../mlp.js';
import type { Scope } from '../model.js';
import type { EncoderContext } from './index.js';

/** The sizes of RADIO's large model, which the Bridge has as constants. */
const HIDDEN = 1280;
const LAYERS = 32;
const PATCHES = (2048 / 16) ** 2;
const PATCH = 3 * 16 * 16;
const RADIO = {
  hidden_size: BigInt(HIDDEN),
  ffn_hidden_size: 5120n,
  num_attention_heads: 16n,
  num_query_groups: 16n,
  kv_channels: 80n,
  add_bias_linear: true,
  normalization: 'LayerNorm',
};

/** Megatron-Core's RADIOViTModel. Its class tokens pad the sequence for float8, or are as many as the provider says. */
export function radioVision(scope: Scope, { provider }: EncoderContext): void {
  const tokens = provider['vision_class_token_len'];
  scope.param('class_token', [typeof tokens === 'bigint' ? Number(tokens) : 16, HIDDEN]);
  scope.param('position_embeddings', [1, PATCHES, HIDDEN]);
  scope.param('embedder.weight', [HIDDEN, PATCH], { split: 'column' });
  scope.state('embedder', 'extra_state_none');
  const frames = provider['separate_video_embedder'] === true ? int(provider, 'temporal_patch_dim') : 1;
  if (frames > 1) {
    scope.param('video_embedder.weight', [HIDDEN, frames * PATCH], { split: 'column' });
    scope.state('video_embedder', 'extra_state_none');
  }
  for (let i = 0; i < LAYERS; i += 1) {
    const layer = scope.stacked('decoder.layers', i, LAYERS).with(RADIO);
    selfAttention(layer, RADIO);
    denseMlp(layer, RADIO);
  }
}

/** Megatron-Core's MultimodalProjector over four neighbouring patches, an MLP like the language model's. */
export function radioProjector(scope: Scope, { provider }: EncoderContext): void {
  const given = provider['vision_proj_ffn_hidden_size'];
  const width = typeof given === 'bigint' ? Number(given) : 20480;
  linear(scope, 'linear_fc1', width, 4 * HIDDEN, { split: 'column', norm: 'RMSNorm' });
  linear(scope, 'linear_fc2', int(provider, 'hidden_size'), width, { split: 'row' });
}
