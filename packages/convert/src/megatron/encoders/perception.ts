import { int } from '../../models/provider-fields.js';
import type { Scope } from '../model.js';
import type { EncoderContext } from './index.js';
import { numbered, torchConv, torchLayerNorm, torchLinear } from './torch.js';

/** The Bridge's Step37VisionModel: a Perception Encoder, then two convolutions that halve each side of its grid. */
export function perceptionVision(scope: Scope, { config }: EncoderContext): void {
  const width = config.int('width');
  const patch = config.positive('patch_size');
  const grid = Math.floor(config.int('image_size') / patch);
  const token = config.truthy('use_cls_token') ? 1 : 0;
  const inner = Math.trunc(width * Number(config.get('mlp_ratio')));
  torchConv(scope, 'conv1', width, config.int('num_channels'), [patch, patch], false);
  if (token === 1) scope.param('class_embedding', [width]);
  if (config.truthy('use_abs_posemb')) scope.param('positional_embedding', [token + grid ** 2, width]);
  for (const name of ['ln_pre', 'ln_post'])
    if (config.truthy(`use_${name}`)) torchLayerNorm(scope, name, width);
  for (const block of numbered(scope, 'transformer.resblocks', config.int('layers'))) {
    for (const name of ['ln_1', 'ln_2']) torchLayerNorm(block, name, width);
    block.param('attn.in_proj_weight', [3 * width, width]);
    block.param('attn.in_proj_bias', [3 * width]);
    torchLinear(block, 'attn.out_proj', width, width);
    torchLinear(block, 'mlp.c_fc', inner, width);
    torchLinear(block, 'mlp.c_proj', width, inner);
    for (const name of ['ls_1', 'ls_2']) block.param(`${name}.gamma`, [width]);
  }
  torchConv(scope, 'vit_downsampler1', 2 * width, width, [3, 3]);
  torchConv(scope, 'vit_downsampler2', 4 * width, 2 * width, [3, 3]);
}

/** The projection of the encoder's features into the language model. */
export function perceptionProjector(scope: Scope, { config, provider }: EncoderContext): void {
  const bias = provider['projector_bias'] === true;
  torchLinear(scope, 'align_projector', int(provider, 'hidden_size'), 4 * config.int('width'), bias);
}
