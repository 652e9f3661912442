import type { Box } from '../../box.js';
import { type Compiled, rows, type TransformContext } from './compiled.js';

interface Sizes {
  readonly heads: number;
  readonly groups: number;
  /** Lanes of a query or key head, and of a value head. */
  readonly size: number;
  readonly value: number;
}

function sizesOf({ provider }: TransformContext): Sizes {
  const size = Number(provider['kv_channels']);
  // Latent attention says v_head_dim of another layer.
  const value = provider['multi_latent_attention'] === true ? null : (provider['v_head_dim'] ?? null);
  return {
    heads: Number(provider['num_attention_heads']),
    groups: Number(provider['num_query_groups']),
    size,
    value: value === null ? size : Number(value),
  };
}

/**
 * Query, key and value rows interleaved by query group: the group's query heads (then, with an output gate, its gate
 * heads: each HF query head is followed by its gate), its key head, its value head. Weights and biases alike.
 */
export function qkv(names: readonly string[], context: TransformContext): Compiled {
  const rest = context.shape.slice(1);
  const { heads, groups, size, value } = sizesOf(context);
  const gate = context.provider['attention_output_gate'] === true;
  const perGroup = heads / groups;
  const boxes: Box<number>[] = [];
  let at = 0;
  const place = (source: number, from: number, count: number): void => {
    boxes.push(rows(source, from, count, at, rest));
    at += count;
  };
  for (let group = 0; group < groups; group += 1) {
    const first = group * perGroup;
    if (gate) {
      for (const lane of [0, 1]) {
        for (let head = first; head < first + perGroup; head += 1) place(0, (2 * head + lane) * size, size);
      }
    } else {
      place(0, first * size, perGroup * size);
    }
    place(1, group * size, size);
    place(2, group * value, value);
  }
  const outputs = [(gate ? 2 : 1) * heads * size, groups * size, groups * value];
  return { needs: names.map((name, i) => ({ name, shape: [outputs[i] as number, ...rest] })), boxes };
}

/** The same with a gate row for each head, which every lane of the head's gate repeats. */
export function qkvGated(names: readonly string[], context: TransformContext): Compiled {
  const rest = context.shape.slice(1);
  const { heads, groups, size } = sizesOf(context);
  const perGroup = heads / groups;
  const boxes: Box<number>[] = [];
  let at = 0;
  const place = (source: number, from: number, count: number): void => {
    boxes.push(rows(source, from, count, at, rest));
    at += count;
  };
  for (let group = 0; group < groups; group += 1) {
    const first = group * perGroup;
    place(0, first * size, perGroup * size);
    for (let head = first; head < first + perGroup; head += 1) {
      place(3, head, size);
      const repeated = boxes.at(-1) as Box<number>;
      boxes[boxes.length - 1] = { ...repeated, strides: [0, ...repeated.strides.slice(1)] };
    }
    place(1, group * size, size);
    place(2, group * size, size);
  }
  const outputs = [heads * size, groups * size, groups * size, heads];
  return { needs: names.map((name, i) => ({ name, shape: [outputs[i] as number, ...rest] })), boxes };
}

/** Query rows at their places, with zeros where keys and values would be. */
export function qkvQueries([name = '']: readonly string[], context: TransformContext): Compiled {
  const { needs, boxes } = qkv([name, name, name], context);
  return { needs: needs.slice(0, 1), boxes: boxes.filter(({ source }) => source === 0), fill: 'zero' };
}

/** The same out of one tensor with all query rows, then all key rows, then all value rows. */
export function qkvJoined([name = '']: readonly string[], context: TransformContext): Compiled {
  const { needs, boxes } = qkv([name, name, name], context);
  const rest = context.shape.slice(1);
  const row = rest.reduce((a, b) => a * b, 1);
  const starts = needs.map((_, i) =>
    needs.slice(0, i).reduce((sum, { shape }) => sum + (shape[0] as number), 0),
  );
  return {
    needs: [{ name, shape: context.shape }],
    boxes: boxes.map((box) => ({
      ...box,
      source: 0,
      offset: box.offset + (starts[box.source] as number) * row,
    })),
  };
}
