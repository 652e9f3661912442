import { isPyMap, type PyMap, type PyValue } from '@nemotron-convert/core';
import type { Target } from './target.js';

/** Beyond it a count of labels is no count that a list is made of. */
const MOST = 1_000_000n;

/**
 * The names of a classifier's labels as a configuration of transformers keeps them: `id2label` as given, with no
 * `label2id` but a given one. Without `id2label`, and in transformers 5 where `num_labels` counts others, both are made of
 * `num_labels`, and a given `label2id` is forgotten.
 */
export function withLabels(target: Target, attributes: PyMap, given: PyMap): PyMap {
  const { num_labels: _, ...values } = attributes;
  if (!('id2label' in values)) return values;
  const names = given['id2label'] ?? null;
  const count = given['num_labels'] ?? null;
  const counted = typeof count === 'bigint' && count >= 0n && count <= MOST;
  const own = isPyMap(names) ? Object.keys(names).length : null;
  if (own !== null && (target === '0.3.1' || !counted || Number(count) === own))
    return { ...values, label2id: given['label2id'] ?? null };
  const ids = Array.from({ length: counted ? Number(count) : 2 }, (_, id): [string, PyValue] => [
    `LABEL_${id}`,
    BigInt(id),
  ]);
  return {
    ...values,
    id2label: Object.fromEntries(ids.map(([name, id]) => [String(id), name])),
    label2id: Object.fromEntries(ids),
  };
}
