import type { Box } from '../../box.js';
import { type Compiled, rows, type TransformContext } from './compiled.js';

/**
 * The input projection of a gated delta net. The origin groups its rows by key head: `qkvz` as query, key, the head's
 * values, their gates; `ba` as the head's betas, then its alphas. The target has all of each kind together.
 */
export function gdn(names: readonly string[], { shape, provider }: TransformContext): Compiled {
  const rest = shape.slice(1);
  const keys = Number(provider['linear_num_key_heads']);
  const perKey = Number(provider['linear_num_value_heads']) / keys;
  const key = Number(provider['linear_key_head_dim']);
  const value = perKey * Number(provider['linear_value_head_dim']);
  const grouped = [
    [key, key, value, value],
    [perKey, perKey],
  ];
  const boxes: Box<number>[] = [];
  let at = 0;
  for (const [source, kinds] of grouped.entries()) {
    const stride = kinds.reduce((a, b) => a + b, 0);
    let first = 0;
    for (const count of kinds) {
      for (let head = 0; head < keys; head += 1) {
        boxes.push(rows(source, head * stride + first, count, at, rest));
        at += count;
      }
      first += count;
    }
  }
  const outputs = grouped.map((kinds) => keys * kinds.reduce((a, b) => a + b, 0));
  return { needs: names.map((name, i) => ({ name, shape: [outputs[i] as number, ...rest] })), boxes };
}

/** The same projection out of tensors for query, key and value together, gates, betas and alphas. */
export function gdnSeparate(names: readonly string[], { shape, provider }: TransformContext): Compiled {
  const rest = shape.slice(1);
  const heads = Number(provider['linear_num_value_heads']);
  const value = heads * Number(provider['linear_value_head_dim']);
  const key = Number(provider['linear_num_key_heads']) * Number(provider['linear_key_head_dim']);
  const outputs = [2 * key + value, value, heads, heads];
  let at = 0;
  const boxes = outputs.map((count, source) => {
    const box = rows(source, 0, count, at, rest);
    at += count;
    return box;
  });
  return { needs: names.map((name, i) => ({ name, shape: [outputs[i] as number, ...rest] })), boxes };
}
