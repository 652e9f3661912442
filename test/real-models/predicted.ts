import { norms, type Tensor } from './blocks.js';

/** One prediction layer behind the decoder's, with its own copy of both ends. */
export function predicted(o: {
  readonly layers: number;
  readonly hidden: number;
  readonly vocab: number;
}): Tensor[] {
  const at = `model.layers.${o.layers}`;
  return [
    ...norms(at, o.hidden, 'enorm', 'hnorm', 'shared_head.norm'),
    [`${at}.eh_proj.weight`, [o.hidden, 2 * o.hidden], 'BF16'],
    [`${at}.embed_tokens.weight`, [o.vocab, o.hidden], 'BF16'],
    [`${at}.shared_head.head.weight`, [o.vocab, o.hidden], 'BF16'],
  ];
}
