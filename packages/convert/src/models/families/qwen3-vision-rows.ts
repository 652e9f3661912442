import type { MappingRow } from '../family.js';

const LAYER = 'vision_model.decoder.layers.*';
const MERGER = 'vision_model.decoder.deepstack_merger_list.*';
const KINDS = ['weight', 'bias'] as const;

/** Qwen3's vision model as a Megatron transformer block, out of one named `from` in the Hugging Face checkpoint. */
export function qwen3VisionRows(from: string): readonly MappingRow[] {
  const block = `${from}.blocks.*`;
  const list = `${from}.deepstack_merger_list.*`;
  return KINDS.flatMap((kind): MappingRow[] => [
    [`${LAYER}.self_attention.linear_qkv.layer_norm_${kind}`, `${block}.norm1.${kind}`],
    [`${LAYER}.self_attention.linear_qkv.${kind}`, { qkvJoined: [`${block}.attn.qkv.${kind}`] }],
    [`${LAYER}.self_attention.linear_proj.${kind}`, `${block}.attn.proj.${kind}`],
    [`${LAYER}.mlp.linear_fc1.layer_norm_${kind}`, `${block}.norm2.${kind}`],
    [`${LAYER}.mlp.linear_fc1.${kind}`, `${block}.mlp.linear_fc1.${kind}`],
    [`${LAYER}.mlp.linear_fc2.${kind}`, `${block}.mlp.linear_fc2.${kind}`],
    [`${MERGER}.patch_norm.${kind}`, `${list}.norm.${kind}`],
    [`${MERGER}.linear_fc1.${kind}`, `${list}.linear_fc1.${kind}`],
    [`${MERGER}.linear_fc2.${kind}`, `${list}.linear_fc2.${kind}`],
    [`vision_model.merger.patch_norm.${kind}`, `${from}.merger.norm.${kind}`],
    [`vision_model.merger.linear_fc1.${kind}`, `${from}.merger.linear_fc1.${kind}`],
    [`vision_model.merger.linear_fc2.${kind}`, `${from}.merger.linear_fc2.${kind}`],
    [`vision_model.patch_embed.proj.${kind}`, `${from}.patch_embed.proj.${kind}`],
    ['vision_model.pos_embed.weight', `${from}.pos_embed.weight`],
  ]);
}
