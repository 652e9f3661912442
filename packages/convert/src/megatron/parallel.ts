import type { Fields } from '../models/provider.js';
import { int } from '../models/provider-fields.js';
import { selfAttention } from './attention.js';
import { outputLayer, wordEmbeddings } from './gpt.js';
import { norm } from './linear.js';
import { mambaMixer } from './mamba.js';
import { denseMlp } from './mlp.js';
import { ModelDescription } from './model.js';

/** FalconH1Model: every layer has attention and a Mamba mixer side by side behind one norm, then an MLP. */
export function describeParallel(provider: Fields): ModelDescription {
  const model = new ModelDescription();
  const hidden = int(provider, 'hidden_size');
  wordEmbeddings(model, provider);
  for (let i = 0; i < int(provider, 'num_layers'); i += 1) {
    const layer = model.scope('decoder.layers.*.', `decoder.layers.${i}.`, i, [i]);
    norm(layer, 'norm', hidden, provider);
    mambaMixer(layer, provider, {
      path: 'mamba_mixer',
      kernel: int(provider, 'd_conv'),
      inputNorm: false,
      gatedNorm: provider['rmsnorm'] === true,
      convBias: provider['conv_bias'] === true,
    });
    selfAttention(layer, provider);
    denseMlp(layer, provider);
  }
  const last = model.scope('', '', 'last');
  norm(last.child('decoder'), 'final_norm', hidden, provider);
  outputLayer(model, provider);
  last.state('output_layer', 'extra_state_none');
  return model;
}
