import { NemotronError, type PyValue } from '@nemotron-convert/core';
import type { Axis, Stage } from '../megatron/model.js';
import type { Fields, ParallelSizes } from '../models/provider.js';

/** Which rank of the layout writes an entry; within a stage the tensor parallel index runs fastest. */
export interface RankLayout {
  readonly world: number;
  rankOf(stage: Stage, expert: Axis | null, tpRank: number): number;
}

/**
 * The ranks of a parallel layout: pp stages of lcm(tp, ep·etp) ranks each, the smallest world that holds both the dense
 * and the expert grid.
 */
export function rankLayout(sizes: ParallelSizes, stages: readonly number[]): RankLayout {
  const perStage = lcm(sizes.tp, sizes.ep * sizes.etp);
  const stageOf = stages.flatMap((layers, stage) => Array.from({ length: layers }, () => stage));
  return {
    world: perStage * sizes.pp,
    rankOf(stage, expert, tpRank) {
      const index =
        stage === 'first' ? 0 : stage === 'last' ? sizes.pp - 1 : (stageOf[stage] ?? sizes.pp - 1);
      const within =
        expert === null ? tpRank : Math.floor(expert.index / (expert.count / sizes.ep)) * sizes.etp + tpRank;
      return index * perStage + within;
    },
  };
}

/** Decoder layers of each pipeline stage: as the provider lays them out, else as many each. */
export function stagesOf(provider: Fields, sizes: ParallelSizes): readonly number[] {
  return laidOut(provider) ?? new Array<number>(sizes.pp).fill(Number(provider['num_layers']) / sizes.pp);
}

function laidOut(provider: Fields): readonly number[] | null {
  const layout = provider['pipeline_model_parallel_layout'] ?? null;
  if (!Array.isArray(layout)) return null;
  const decoders = (stage: readonly PyValue[]): number => stage.filter((part) => part === 'decoder').length;
  return (layout as readonly (readonly PyValue[])[]).map(decoders);
}

interface Divisible {
  readonly size: keyof ParallelSizes;
  readonly option: string;
  readonly field: string;
  readonly what: string;
  /** A size that is a multiple of the count will do too: each group is then shared by several ranks. */
  readonly shared?: boolean;
}

/** The counts that each parallel size must divide, by provider field; the chunk grid checks the widths of what is built. */
const DIVISIBLE: readonly Divisible[] = [
  { size: 'tp', option: 'tp', field: 'num_attention_heads', what: 'attention heads' },
  { size: 'tp', option: 'tp', field: 'num_query_groups', what: 'query groups', shared: true },
  { size: 'tp', option: 'tp', field: 'linear_num_key_heads', what: 'linear attention key heads' },
  { size: 'tp', option: 'tp', field: 'linear_num_value_heads', what: 'linear attention value heads' },
  { size: 'tp', option: 'tp', field: 'vocab_size', what: 'vocabulary rows' },
  { size: 'pp', option: 'pp', field: 'num_layers', what: 'layers' },
  { size: 'ep', option: 'ep', field: 'num_moe_experts', what: 'experts' },
];
const MAMBA_DIVISIBLE: readonly Divisible[] = [
  { size: 'tp', option: 'tp', field: 'mamba_num_heads', what: 'Mamba heads' },
  { size: 'tp', option: 'tp', field: 'mamba_num_groups', what: 'Mamba groups' },
];

/** What beside its provider decides which parallel sizes a model can have. */
export interface ModelKind {
  readonly hybrid: boolean;
  /** Parallel sizes other than one at which the Bridge cannot build or save the model. */
  readonly uncut: readonly ('tp' | 'pp')[];
}

/** Refuses parallel sizes that do not divide the model, listing those that do. */
export function checkSizes(sizes: ParallelSizes, provider: Fields, { hybrid, uncut }: ModelKind): void {
  for (const option of uncut) {
    if (sizes[option] === 1) continue;
    throw new NemotronError(
      'PARALLEL_SIZE',
      `${option}=${sizes[option]}: Megatron-Bridge writes this model at ${option}=1 only`,
      { facts: { option, found: sizes[option], legal: [1] }, hint: `use ${option}=1` },
    );
  }
  if (
    sizes.pp > 1 &&
    provider['share_embeddings_and_output_weights'] === true &&
    predictsByPattern(provider)
  ) {
    throw new NemotronError(
      'PARALLEL_SIZE',
      `pp=${sizes.pp}: Megatron-Core saves no hybrid model with tied embeddings and prediction layers on several stages`,
      { facts: { option: 'pp', found: sizes.pp, legal: [1] }, hint: 'use pp=1' },
    );
  }
  if (sizes.ep > 1 && (provider['num_moe_experts'] ?? null) === null) {
    throw new NemotronError('PARALLEL_SIZE', `ep=${sizes.ep} needs experts, and this model has none`, {
      facts: { option: 'ep', found: sizes.ep, legal: [1] },
      hint: 'use ep=1',
    });
  }
  if (
    sizes.etp > 1 &&
    (provider['num_moe_experts'] ?? null) !== null &&
    provider['add_bias_linear'] === true
  ) {
    throw new NemotronError('PARALLEL_SIZE', `etp=${sizes.etp}: Megatron-Core cuts no experts with biases`, {
      facts: { option: 'etp', found: sizes.etp, legal: [1] },
      hint: 'use etp=1',
    });
  }
  checkHashed(sizes, provider);
  for (const { size, option, field, what, shared } of hybrid
    ? [...DIVISIBLE, ...MAMBA_DIVISIBLE]
    : DIVISIBLE) {
    const count = provider[field];
    if (typeof count !== 'bigint' || Number(count) % sizes[size] === 0) continue;
    if (size === 'pp' && laidOut(provider)?.reduce((sum, own) => sum + own) === Number(count)) continue;
    if (shared === true && sizes[size] % Number(count) === 0) continue;
    const legal = divisors(Number(count));
    throw new NemotronError('PARALLEL_SIZE', `${option}=${sizes[size]} does not divide ${count} ${what}`, {
      facts: { option, found: sizes[size], field, count: Number(count), legal },
      hint: `use ${option}=${legal.join(',')}`,
    });
  }
}

/** Layers that look experts up by token get tokens from the embedding's stage alone. */
function checkHashed(sizes: ParallelSizes, provider: Fields): void {
  const hashed = Number(provider['moe_n_hash_layers'] ?? 0);
  const fits = (pp: number): boolean => pp === 1 || hashed <= Math.ceil(Number(provider['num_layers']) / pp);
  if (fits(sizes.pp)) return;
  const legal = Array.from({ length: sizes.pp - 1 }, (_, i) => i + 1).filter(fits);
  throw new NemotronError(
    'PARALLEL_SIZE',
    `pp=${sizes.pp} leaves the first stage fewer layers than the ${hashed} that are routed by token, all of which it must hold`,
    { facts: { option: 'pp', found: sizes.pp, legal }, hint: `use pp=${legal.join(',')}` },
  );
}

/** Whether a hybrid model has multi-token prediction layers. */
function predictsByPattern(provider: Fields): boolean {
  return typeof provider['mtp_hybrid_override_pattern'] === 'string';
}

/** What divides a count, up to any sensible number of ranks. */
export function divisors(n: number): number[] {
  return Array.from({ length: Math.min(n, 1024) }, (_, i) => i + 1).filter((d) => n % d === 0);
}

function lcm(a: number, b: number): number {
  const gcd = (x: number, y: number): number => (y === 0 ? x : gcd(y, x % y));
  return (a / gcd(a, b)) * b;
}
