/** Tensors of a Hugging Face checkpoint, as its files' headers list them: name, shape, safetensors dtype. */
export type Tensor = readonly [name: string, shape: readonly number[], dtype?: string];

const weight = (name: string, ...shape: number[]): Tensor => [`${name}.weight`, shape];

export const times = (count: number, make: (index: number) => readonly Tensor[]): Tensor[] =>
  Array.from({ length: count }, (_, i) => make(i)).flat();

export function ends(vocab: number, hidden: number, tied = false): Tensor[] {
  const head = tied ? [] : [weight('lm_head', vocab, hidden)];
  return [weight('model.embed_tokens', vocab, hidden), weight('model.norm', hidden), ...head];
}

export interface Attention {
  readonly hidden: number;
  readonly heads: number;
  readonly groups: number;
  readonly size: number;
  readonly bias?: boolean;
  /** Features that the norms of queries and keys span. */
  readonly norms?: readonly [number, number];
  /** Each query head is followed by its gate. */
  readonly gate?: boolean;
}

export function attention(at: string, { hidden, heads, groups, size, ...more }: Attention): Tensor[] {
  const queries = heads * size * (more.gate === true ? 2 : 1);
  const rows: readonly [string, number][] = [
    ['q', queries],
    ['k', groups * size],
    ['v', groups * size],
  ];
  return [
    ...rows.map(([name, count]) => weight(`${at}.${name}_proj`, count, hidden)),
    ...(more.bias === true ? rows.map(([name, n]): Tensor => [`${at}.${name}_proj.bias`, [n]]) : []),
    weight(`${at}.o_proj`, hidden, heads * size),
    ...(more.norms === undefined
      ? []
      : [weight(`${at}.q_norm`, more.norms[0]), weight(`${at}.k_norm`, more.norms[1])]),
  ];
}

export interface Latent {
  readonly hidden: number;
  readonly heads: number;
  readonly queryRank: number | null;
  readonly rank: number;
  readonly plain: number;
  readonly rotary: number;
  readonly value: number;
}

export function latent(at: string, o: Latent): Tensor[] {
  const queries = o.heads * (o.plain + o.rotary);
  return [
    ...(o.queryRank === null
      ? [weight(`${at}.q_proj`, queries, o.hidden)]
      : [
          weight(`${at}.q_a_proj`, o.queryRank, o.hidden),
          weight(`${at}.q_a_layernorm`, o.queryRank),
          weight(`${at}.q_b_proj`, queries, o.queryRank),
        ]),
    weight(`${at}.kv_a_proj_with_mqa`, o.rank + o.rotary, o.hidden),
    weight(`${at}.kv_a_layernorm`, o.rank),
    weight(`${at}.kv_b_proj`, o.heads * (o.plain + o.value), o.rank),
    weight(`${at}.o_proj`, o.hidden, o.heads * o.value),
  ];
}

export function gated(at: string, hidden: number, width: number): Tensor[] {
  return [
    weight(`${at}.gate_proj`, width, hidden),
    weight(`${at}.up_proj`, width, hidden),
    weight(`${at}.down_proj`, hidden, width),
  ];
}

export function norms(at: string, hidden: number, ...names: string[]): Tensor[] {
  const own = names.length === 0 ? ['input_layernorm', 'post_attention_layernorm'] : names;
  return own.map((name) => weight(`${at}.${name}`, hidden));
}

/** Experts under `at`, each a gated MLP with its router beside them. */
export function experts(at: string, count: number, hidden: number, width: number): Tensor[] {
  return [
    weight(`${at}.gate`, count, hidden),
    ...times(count, (i) => gated(`${at}.experts.${i}`, hidden, width)),
  ];
}

export const bias = (name: string, count: number, dtype = 'F32'): Tensor => [name, [count], dtype];

/** Projections as float8 with a float32 scale for each block of 128 by 128; `keep` names what stays as it is. */
export function float8(tensors: readonly Tensor[], keep: RegExp): Tensor[] {
  return tensors.flatMap(([name, shape, dtype]): Tensor[] => {
    if (dtype !== undefined || shape.length !== 2 || keep.test(name)) return [[name, shape, dtype ?? 'BF16']];
    const blocks = shape.map((extent) => Math.ceil(extent / 128));
    return [
      [name, shape, 'F8_E4M3'],
      [`${name}_scale_inv`, blocks, 'F32'],
    ];
  });
}

export interface Mamba {
  readonly hidden: number;
  readonly heads: number;
  readonly size: number;
  readonly groups: number;
  readonly state: number;
  readonly kernel: number;
}

export function mamba(at: string, { hidden, heads, size, groups, state, kernel }: Mamba): Tensor[] {
  const inner = heads * size;
  const conv = inner + 2 * groups * state;
  return [
    weight(`${at}.in_proj`, inner + conv + heads, hidden),
    weight(`${at}.conv1d`, conv, 1, kernel),
    [`${at}.conv1d.bias`, [conv]],
    ...['A_log', 'D', 'dt_bias'].map((name): Tensor => [`${at}.${name}`, [heads]]),
    weight(`${at}.norm`, inner),
    weight(`${at}.out_proj`, hidden, inner),
  ];
}
