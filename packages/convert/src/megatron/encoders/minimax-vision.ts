import { int } from '../../models/provider-fields.js';
import type { Scope } from '../model.js';
import type { EncoderContext } from './index.js';
import { numbered, torchLayerNorm, torchLinear, torchLinears, torchRmsNorm } from './torch.js';

/** The Bridge's MiniMaxM3VisionTower; its patches stay in float32. */
export function minimaxVision(scope: Scope, { config }: EncoderContext): void {
  const at = scope.child('vision_model');
  const hidden = config.int('hidden_size');
  const patch = config.int('patch_size');
  const kernel = [config.int('temporal_patch_size'), patch, patch];
  const patches = [hidden, config.int('num_channels'), ...kernel];
  at.param('embeddings.patch_embedding.weight', patches, { keeps: 'float32' });
  torchLayerNorm(at, 'pre_layrnorm', hidden);
  for (const layer of numbered(at, 'encoder.layers', config.int('num_hidden_layers'))) {
    torchLayerNorm(layer, 'layer_norm1', hidden);
    torchLinears(layer.child('self_attn'), ['q_proj', 'k_proj', 'v_proj', 'out_proj'], hidden, hidden);
    torchLayerNorm(layer, 'layer_norm2', hidden);
    torchLinear(layer, 'mlp.fc1', config.int('intermediate_size'), hidden);
    torchLinear(layer, 'mlp.fc2', hidden, config.int('intermediate_size'));
  }
}

export function minimaxProjector(scope: Scope, { config, provider }: EncoderContext): void {
  projector(scope, config.int('hidden_size'), provider);
}

/** Joins neighbouring patches behind the projector. */
export function minimaxPatchMerger(scope: Scope, { provider }: EncoderContext): void {
  projector(scope, int(provider, 'hidden_size') * int(provider, 'spatial_merge_size') ** 2, provider);
}

function projector(scope: Scope, inputs: number, provider: EncoderContext['provider']): void {
  const width = int(provider, 'projector_hidden_size');
  const bias = provider['multimodal_projector_bias'] === true;
  torchLinear(scope, 'linear_1', width, inputs, bias);
  torchLinear(scope, 'linear_2', int(provider, 'hidden_size'), width, bias);
}

/** What picks the blocks that sparse attention looks at, beside the decoder: the Bridge keeps it and does not run it. */
export function minimaxIndexers(scope: Scope, { provider }: EncoderContext): void {
  const hidden = int(provider, 'hidden_size');
  const size = int(provider, 'index_head_dim');
  const heads = int(provider, 'index_n_heads');
  for (const layer of provider['lightning_indexer_layers'] as readonly bigint[]) {
    const at = scope.numbered('lightning_indexers', Number(layer));
    torchLinear(at, 'q_proj', heads * size, hidden, false);
    torchLinear(at, 'k_proj', size, hidden, false);
    torchRmsNorm(at, 'q_norm', size);
    torchRmsNorm(at, 'k_norm', size);
  }
}
