import { isPyMap, NemotronError, type PyMap, type PyValue } from '@nemotron-convert/core';

/** A tensor of a checkpoint, as far as counts go. */
interface Shaped {
  readonly shape: readonly number[];
}

const LAYERS = /(^|_)(layer|block|depth|replace)s?$/;
const EXPERTS = /(^|_)experts?$/;
const HEADS = /(^|_)(head|group)s?$/;
/** Names of these are bounds, not counts. */
const BOUND = /^max_/;

/** What tensors could fill, with room for parts that share a tensor; a smaller count takes no time to find wanting. */
const [SHARES, FEW] = [16, 1024];

/**
 * Throws SOURCE_CONFIG_INVALID where config.json counts more layers, experts or heads than the checkpoint's tensors could
 * hold, before anything is made for each of them. `path` is the config.json's.
 */
export function checkCounts(config: PyMap, path: string, tensors: Iterable<Shaped>): void {
  let slices = 0;
  let rows = 0;
  let count = 0;
  for (const { shape } of tensors) {
    count += 1;
    // Experts, and equal layers in Megatron, lie behind one another in one tensor.
    slices += shape.slice(0, -2).reduce((all, size) => all * size, 1);
    for (const size of shape) rows = Math.max(rows, size);
  }
  const parts = FEW + SHARES * slices;
  const refuse = (key: string, found: bigint): never => {
    throw new NemotronError(
      'SOURCE_CONFIG_INVALID',
      `${path}: ${key} is ${found}, which the ${count} tensors of the checkpoint cannot hold`,
      { facts: { path, key, found: String(found), tensors: count } },
    );
  };
  const check = (value: PyValue, at: string): void => {
    if (!isPyMap(value)) return;
    const most = new Map<RegExp, readonly [string, bigint]>();
    for (const [key, inner] of Object.entries(value)) {
      const where = at === '' ? key : `${at}.${key}`;
      check(inner, where);
      if (typeof inner !== 'bigint' || BOUND.test(key)) continue;
      if (HEADS.test(key) && inner > BigInt(Math.max(FEW, rows))) refuse(where, inner);
      for (const kind of [LAYERS, EXPERTS]) {
        if (kind.test(key) && inner > (most.get(kind)?.[1] ?? 0n)) most.set(kind, [where, inner]);
      }
    }
    const [layers, experts] = [most.get(LAYERS), most.get(EXPERTS)];
    for (const found of [layers, experts]) if (found !== undefined && found[1] > parts) refuse(...found);
    if (layers !== undefined && experts !== undefined && layers[1] * experts[1] > parts)
      refuse(`${layers[0]} times ${experts[0]}`, layers[1] * experts[1]);
  };
  check(config, '');
}
