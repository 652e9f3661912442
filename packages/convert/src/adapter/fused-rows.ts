import { NemotronError } from '@nemotron-convert/core';
import type { StoredKey } from '../source/checkpoint.js';
import type { RowRun } from './megatron.js';

type Section = Readonly<Record<string, unknown>>;

/**
 * The rows of a fused weight that belong to one of its parts. Queries, keys and values are interleaved by query group; gate
 * and up follow each other. `model` is run_config.yaml's section. Throws ADAPTER_CONFIG_INVALID where it does not tell the heads.
 */
export function fusedRows(part: string, weight: StoredKey, model: Section): readonly RowRun[] {
  const rows = weight.shape.at(-2) as number;
  if (part === 'gate') return [{ from: 0, to: 0, count: rows / 2 }];
  if (part === 'up') return [{ from: 0, to: rows / 2, count: rows / 2 }];
  const heads = positive(model, 'num_attention_heads');
  const groups = model['num_query_groups'] === null ? heads : positive(model, 'num_query_groups');
  const size = rows / (heads + 2 * groups);
  const perGroup = heads / groups;
  const first = { q: 0, k: perGroup, v: perGroup + 1 }[part];
  if (first === undefined || !Number.isInteger(size) || !Number.isInteger(perGroup)) {
    throw new NemotronError('ADAPTER_TENSOR_UNKNOWN', `adapter_${part} is no part of ${weight.key}`, {
      facts: { part, base: weight.key, heads, groups },
    });
  }
  const count = (part === 'q' ? perGroup : 1) * size;
  return Array.from({ length: groups }, (_, group) => ({
    from: group * count,
    to: (group * (perGroup + 2) + first) * size,
    count,
  }));
}

function positive(model: Section, key: string): number {
  const value = model[key];
  if (typeof value === 'number' && Number.isInteger(value) && value > 0) return value;
  throw new NemotronError('ADAPTER_CONFIG_INVALID', `the base's run_config.yaml has no model.${key}`, {
    facts: { key },
    hint: 'restore the run_config.yaml of the base: adapters of queries, keys and values are placed by it',
  });
}
