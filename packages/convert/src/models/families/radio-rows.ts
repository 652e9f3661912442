import type { DropRule, MappingRow } from '../family.js';

const FROM = 'vision_model.radio_model.model';
const BLOCK = `${FROM}.blocks.*`;
const LAYER = 'vision_model.decoder.layers.*';

/** RADIO as a Megatron transformer, and the projector behind it. */
export const RADIO_ROWS: readonly MappingRow[] = [
  ['vision_model.class_token', `${FROM}.patch_generator.cls_token.token`],
  ['vision_model.position_embeddings', `${FROM}.patch_generator.pos_embed`],
  ['vision_model.embedder.weight', `${FROM}.patch_generator.embedder.weight`],
  ['vision_model.video_embedder.weight', `${FROM}.patch_generator.video_embedder.weight`],
  ...(['weight', 'bias'] as const).flatMap((kind): MappingRow[] => [
    [`${LAYER}.self_attention.linear_qkv.layer_norm_${kind}`, `${BLOCK}.norm1.${kind}`],
    [`${LAYER}.self_attention.linear_qkv.${kind}`, { qkvJoined: [`${BLOCK}.attn.qkv.${kind}`] }],
    [`${LAYER}.self_attention.linear_proj.${kind}`, `${BLOCK}.attn.proj.${kind}`],
    [`${LAYER}.mlp.linear_fc1.layer_norm_${kind}`, `${BLOCK}.norm2.${kind}`],
    [`${LAYER}.mlp.linear_fc1.${kind}`, `${BLOCK}.mlp.fc1.${kind}`],
    [`${LAYER}.mlp.linear_fc2.${kind}`, `${BLOCK}.mlp.fc2.${kind}`],
  ]),
  ['vision_projection.encoder.linear_fc1.layer_norm_weight', 'mlp1.0.weight'],
  ['vision_projection.encoder.linear_fc1.weight', 'mlp1.1.weight'],
  ['vision_projection.encoder.linear_fc2.weight', 'mlp1.3.weight'],
];

export const RADIO_DROPS: DropRule = {
  tensors: /^vision_model\.radio_model\.(input_conditioner\.|summary_idxs$)/,
  reason: 'the image processor normalises its input',
};
