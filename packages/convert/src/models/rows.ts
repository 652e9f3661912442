import type { DropRule, MappingRow, PlainOrigin } from './family.js';
import {
  attentionBiasLayerRows,
  attentionLayerRows,
  blockSparseLayerRows,
  denseLayerRows,
  mixtureLayerRows,
  queryKeyNormLayerRows,
} from './layer-rows.js';

/** Word embeddings, output layer and final norm of a model rooted at `root` in the Hugging Face checkpoint. */
export function endRows(root: string, head = 'lm_head'): readonly MappingRow[] {
  return [
    ['embedding.word_embeddings.weight', `${root}.embed_tokens.weight`],
    ['output_layer.weight', `${head}.weight`],
    ['decoder.final_layernorm.weight', `${root}.norm.weight`],
  ];
}

/** The rows of a language model that is part of a larger model, where it has the name `prefix`. */
export function within(prefix: string, rows: readonly MappingRow[]): readonly MappingRow[] {
  return rows.map(([name, origin]) => [`${prefix}${name}`, origin]);
}

/** The same rows for a checkpoint whose names begin with `to` where these have `from`. */
export function renamed(rows: readonly MappingRow[], from: string, to: string): readonly MappingRow[] {
  const name = (old: string): string => (old.startsWith(from) ? to + old.slice(from.length) : old);
  const plain = (origin: PlainOrigin): PlainOrigin => {
    if (typeof origin === 'string') return name(origin);
    const [[kind, names]] = Object.entries(origin) as [[string, readonly string[]]];
    return { [kind]: names.map(name) } as unknown as PlainOrigin;
  };
  return rows.map(([param, origin]) => [
    param,
    typeof origin === 'object' && 'oneOf' in origin ? { oneOf: origin.oneOf.map(plain) } : plain(origin),
  ]);
}

type LayerRows = (to: string, from: string) => readonly MappingRow[];

/** The rows of a layer, for the layers of the decoder, which are under `layers` in the Hugging Face checkpoint. */
function ofDecoder(rows: LayerRows, layers: string): readonly MappingRow[] {
  return rows('decoder.layers.*', `${layers}.*`);
}

/** Grouped-query attention of layers under `layers`, with its input norm fused into linear_qkv. */
export function attentionRows(layers: string): readonly MappingRow[] {
  return ofDecoder(attentionLayerRows, layers);
}

export function attentionBiasRows(layers: string): readonly MappingRow[] {
  return ofDecoder(attentionBiasLayerRows, layers);
}

export function queryKeyNormRows(layers: string): readonly MappingRow[] {
  return ofDecoder(queryKeyNormLayerRows, layers);
}

/** A gated MLP with the norm before it fused into linear_fc1. */
export function gatedMlpRows(layers: string): readonly MappingRow[] {
  return ofDecoder(denseLayerRows, layers);
}

/** A router and gated experts, with the norm before them. */
export function expertRows(layers: string): readonly MappingRow[] {
  return ofDecoder(mixtureLayerRows, layers);
}

/** The same named as in Mixtral. */
export function blockSparseRows(layers: string): readonly MappingRow[] {
  return ofDecoder(blockSparseLayerRows, layers);
}

export const ROTARY_BUFFERS: DropRule = {
  tensors: /\.rotary_emb\.inv_freq$/,
  reason: 'rotary frequencies are recomputed from config.json',
};
