import { isPyMap, type PyMap } from '@nemotron-convert/core';
import type { ConfigRules, Family, WholeModel } from '../family.js';
import { attribute, type HfConfig } from '../hf-config.js';
import { hfObject } from '../hf-object.js';
import type { Fields } from '../provider.js';
import { endRows, ROTARY_BUFFERS, within } from '../rows.js';
import { glmExperts, glmLayerRows } from './glm.js';

const LANGUAGE = 'language_model.';
const ROOT = 'model.language_model';
const EYE = ['vision_config', 'Glm4vMoeVisionConfig'] as const;

/** Read from the language model's configuration, where most files do not have them. */
const TOKENS = {
  eos_token_id: 151329n,
  image_start_token_id: 151339n,
  image_end_token_id: 151340n,
  video_start_token_id: 151341n,
  video_end_token_id: 151342n,
  image_token_id: 151363n,
  video_token_id: 151364n,
};

const RULES: ConfigRules = {
  provider: 'GLM45VModelProvider',
  copyOnly: true,
  copy: [
    ['attention_bias', 'add_qkv_bias'],
    ['head_dim', 'kv_channels'],
    ['hidden_size', 'hidden_size'],
    ['rope_theta', 'rotary_base'],
    ['partial_rotary_factor', 'rotary_percent'],
    ['initializer_range', 'init_method_std'],
    ['intermediate_size', 'ffn_hidden_size'],
    ['max_position_embeddings', 'seq_length'],
    ['moe_intermediate_size', 'moe_ffn_hidden_size'],
    ['num_attention_heads', 'num_attention_heads'],
    ['n_routed_experts', 'num_moe_experts'],
    ['routed_scaling_factor', 'moe_router_topk_scaling_factor'],
    ['num_experts_per_tok', 'moe_router_topk'],
    ['num_hidden_layers', 'num_layers'],
    ['num_key_value_heads', 'num_query_groups'],
    ['rms_norm_eps', 'layernorm_epsilon'],
    ['use_qk_norm', 'qk_layernorm'],
    ['vocab_size', 'vocab_size'],
  ],
  set: { mtp_num_layers: 0n },
  tokenizerKwargs: { use_fast: true },
  derive: (hf: HfConfig, { whole, target }: WholeModel): Fields => ({
    ...glmExperts(hf),
    ...Object.fromEntries(Object.entries(TOKENS).map(([key, id]) => [key, attribute(hf, key, id)])),
    vision_config: hfObject(EYE[1], target, whole.map(EYE[0]) ?? {}),
  }),
  encoders: [{ at: 'visual.', module: 'glm4vMoeVision', config: EYE }],
  refuses: unsaid,
};

/** Its class has no default for it, and the Bridge asks all the same. */
function unsaid(config: PyMap): string | null {
  const text = config['text_config'] ?? null;
  return isPyMap(text) && text['use_qk_norm'] === undefined
    ? 'builds only models whose text_config has use_qk_norm'
    : null;
}

export const glm4vMoe: Family = {
  architectures: ['Glm4vMoeForConditionalGeneration'],
  example: 'zai-org/GLM-4.5V',
  text: 'text_config',
  textClass: 'Glm4vMoeTextConfig',
  prefix: LANGUAGE,
  defaults: {},
  config: { '0.3.1': RULES, '0.7.0': RULES },
  model: 'gpt',
  rows: [
    ...within(LANGUAGE, [...endRows(ROOT), ...glmLayerRows('decoder.layers.*', `${ROOT}.layers.*`)]),
    ['visual.**', 'model.visual.**'],
  ],
  drops: [ROTARY_BUFFERS],
};
