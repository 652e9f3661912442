import { NemotronError } from '@nemotron-convert/core';
import type { Fields } from '../models/provider.js';
import { int } from '../models/provider-fields.js';
import type { Target } from '../models/target.js';
import { selfAttention } from './attention.js';
import { outputLayer, wordEmbeddings } from './gpt.js';
import { norm } from './linear.js';
import { mambaMixer } from './mamba.js';
import { denseMlp, moeMlp } from './mlp.js';
import { ModelDescription, type Scope } from './model.js';
import { hybridPrediction } from './mtp.js';

/** The layer kinds of a hybrid pattern, by its characters. */
const LAYER_KINDS: Readonly<Record<string, (layer: Scope, provider: Fields) => void>> = {
  M: (layer, provider) => mambaMixer(layer, provider),
  '*': selfAttention,
  '-': denseMlp,
  E: moeMlp,
};

/** MambaModel (0.3.1) and HybridModel (0.7.0): one mixer a layer, chosen by the pattern; keys are always per layer. */
export function describeHybrid(provider: Fields, _target: Target, prefix = ''): ModelDescription {
  const model = new ModelDescription(prefix);
  wordEmbeddings(model, provider);
  describeLayers(layerPattern(provider), provider, (i) =>
    model.scope('decoder.layers.*.', `decoder.layers.${i}.`, i, [i]),
  );
  norm(model.scope('decoder.', 'decoder.', 'last'), 'final_norm', int(provider, 'hidden_size'), provider);
  outputLayer(model, provider);
  // Its module exists even where its weight is tied to the embeddings.
  model.scope('', '', 'last').state('output_layer', 'extra_state_none');
  hybridPrediction(model, provider, (pattern, at) => describeLayers(pattern, provider, at));
  return model;
}

function describeLayers(pattern: string, provider: Fields, at: (index: number) => Scope): void {
  for (const [i, kind] of [...pattern].entries()) {
    const describe = Object.hasOwn(LAYER_KINDS, kind) ? LAYER_KINDS[kind] : undefined;
    if (describe === undefined) {
      throw new NemotronError(
        'SOURCE_CONFIG_INVALID',
        `hybrid layer pattern ${pattern} has ${kind} at position ${i}; known are ${Object.keys(LAYER_KINDS).join(' ')}`,
        { facts: { pattern, position: i, found: kind, expected: Object.keys(LAYER_KINDS) } },
      );
    }
    describe(at(i), provider);
  }
}

function layerPattern(provider: Fields): string {
  const pattern = provider['hybrid_layer_pattern'] ?? provider['hybrid_override_pattern'];
  const layers = int(provider, 'num_layers');
  if (typeof pattern !== 'string') {
    throw new NemotronError('SOURCE_CONFIG_INVALID', 'config.json has no hybrid layer pattern', {
      facts: { key: 'hybrid_override_pattern' },
    });
  }
  const main = pattern.split('/')[0] ?? '';
  if (main.length !== layers) {
    throw new NemotronError(
      'SOURCE_CONFIG_INVALID',
      `num_hidden_layers is ${layers}, but hybrid_override_pattern names ${main.length} layers (${main})`,
      { facts: { expected: layers, found: main.length, pattern: main } },
    );
  }
  return main;
}
