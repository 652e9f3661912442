import { NemotronError, TARGET_DTYPES, type TargetDtype } from '@nemotron-convert/core';
import type { ParallelSizes } from './models/provider.js';
import { TARGETS, type TargetChoice } from './models/target.js';

/** One of several processes that share a conversion. */
export interface RankOf {
  readonly rank: number;
  readonly world: number;
}

export type ReadMode = 'auto' | 'direct' | 'pread' | 'mmap';
export type VerifyChoice = 'none' | 'structural' | 'sampled' | 'full';
export type ZeroCopy = 'auto' | 'off' | 'clone' | 'copy_file_range';
export type WriteMode = 'auto' | 'direct' | 'dontcache' | 'buffered';

/** What a conversion is asked to do. Everything but the two paths has a default. */
export interface ConvertOptions {
  /** A local directory with config.json, *.safetensors and tokenizer files, or `org/name[@revision]` on the Hub. */
  readonly hfModelId: string;
  /** The checkpoint directory to create; must be absent or empty. */
  readonly megatronPath: string;
  readonly dtype?: TargetDtype;
  /** The Megatron-Bridge version whose checkpoint is written; `auto` is the oldest that has the architecture. */
  readonly target?: TargetChoice;
  /** Parallel sizes that lay out the chunks; the global tensors are the same at any size. */
  readonly tp?: number;
  readonly pp?: number;
  readonly ep?: number;
  readonly etp?: number;
  /** What computes: `cpu` (the default), `cuda:0`, several GPUs as `cuda:0,1`, or `auto`. The bytes are the same. */
  readonly deviceMap?: string | null;
  /** Recorded in run_config.yaml where the stack records it. Code of a model repository is never run. */
  readonly trustRemoteCode?: boolean;
  /** Shares the work with other processes: this one is `rank` of `world`, and all see the same directories. */
  readonly ranks?: RankOf | null;
  /** Discards what an interrupted conversion left beside the target, instead of finishing it. */
  readonly fresh?: boolean;
  /** What is checked before the checkpoint is published: `structural`, the default, reads the index whole and samples of the data files. */
  readonly verify?: VerifyChoice;
  /** Records the SHA-256 of every weight file, which is read once more for it. */
  readonly hash?: boolean;
  readonly threads?: number;
  /** Bytes for buffers, whatever the model's size. */
  readonly memory?: number;
  readonly readMode?: ReadMode;
  readonly writeMode?: WriteMode;
  /** Of a model on the Hub: converts files that are complete while others are coming. */
  readonly stream?: boolean;
  /** Of a model on the Hub: false removes each weight file once nothing is left to convert from it; implies `stream`. */
  readonly keepSource?: boolean;
  /** How unchanged blocks are taken over from the source; `auto` clones where source and target share a filesystem with
   * reflinks. */
  readonly zeroCopy?: ZeroCopy;
  /** Where parameters come from, by their names, for the record of the conversion. */
  readonly origins?: Readonly<Record<string, string>>;
}

export interface ResolvedOptions {
  readonly hfModelId: string;
  readonly megatronPath: string;
  readonly dtype: TargetDtype;
  readonly target: TargetChoice;
  readonly sizes: ParallelSizes;
  readonly trustRemoteCode: boolean;
  /** `cpu`, `auto` or GPUs as `cuda:0,1`. */
  readonly compute: string;
  readonly ranks: RankOf | null;
  readonly fresh: boolean;
  readonly verify: VerifyChoice;
  readonly hash: boolean;
  readonly threads: number | undefined;
  readonly memory: number | undefined;
  readonly readMode: ReadMode;
  readonly writeMode: WriteMode;
  readonly stream: boolean;
  readonly keepSource: boolean;
  readonly zeroCopy: ZeroCopy;
  readonly origins: Readonly<Record<string, string>>;
}

/** Fills defaults and refuses values outside their choices. Throws OPTION_INVALID. */
export function resolveOptions(options: ConvertOptions): ResolvedOptions {
  const ranks = ranksOf(options.ranks ?? null);
  const work = resolveWriteOptions(options);
  const keepSource = options.keepSource ?? true;
  if (!keepSource) checkUnkept(ranks, work.verify);
  return {
    hfModelId: text('hf_model_id', options.hfModelId),
    megatronPath: text('megatron_path', options.megatronPath),
    dtype: choice('dtype', options.dtype ?? 'bfloat16', TARGET_DTYPES),
    target: choice('target', options.target ?? 'auto', ['auto', ...TARGETS]),
    sizes: {
      tp: size('tp', options.tp),
      pp: size('pp', options.pp),
      ep: size('ep', options.ep),
      etp: size('etp', options.etp),
    },
    trustRemoteCode: options.trustRemoteCode ?? true,
    ...work,
    hash: options.hash ?? false,
    origins: options.origins ?? {},
    zeroCopy: choice('zero_copy', options.zeroCopy ?? 'auto', ['auto', 'off', 'clone', 'copy_file_range']),
    ranks,
    stream: options.stream ?? !keepSource,
    keepSource,
  };
}

/** How the engine is to work, with defaults. Throws OPTION_INVALID. */
export function resolveWriteOptions(
  options: Pick<
    ConvertOptions,
    'deviceMap' | 'fresh' | 'memory' | 'readMode' | 'threads' | 'verify' | 'writeMode'
  >,
): Pick<
  ResolvedOptions,
  'compute' | 'fresh' | 'memory' | 'ranks' | 'readMode' | 'threads' | 'verify' | 'writeMode'
> {
  return {
    ranks: null,
    compute: computeOf(options.deviceMap ?? ''),
    fresh: options.fresh ?? false,
    verify: choice('verify', options.verify ?? 'structural', ['none', 'structural', 'sampled', 'full']),
    threads: options.threads === undefined ? undefined : size('threads', options.threads),
    memory: options.memory,
    readMode: choice('read_mode', options.readMode ?? 'auto', ['auto', 'direct', 'pread', 'mmap']),
    writeMode: choice('write_mode', options.writeMode ?? 'auto', ['auto', 'direct', 'dontcache', 'buffered']),
  };
}

/** A text that must be there. Throws OPTION_INVALID. */
export function requiredText(option: string, value: string | undefined): string {
  return text(option, value ?? '');
}

/** What else needs the weights while they are being removed. */
function checkUnkept(ranks: RankOf | null, verify: VerifyChoice): void {
  const invalid = (why: string, hint: string) =>
    new NemotronError('OPTION_INVALID', `keep_source=false: ${why}`, {
      facts: { option: 'keep_source', found: false },
      hint,
    });
  if (ranks !== null) {
    throw invalid(
      `${ranks.world} ranks share the source, and one would remove what another still reads`,
      'leave it out, or convert with one process',
    );
  }
  if (verify === 'full' || verify === 'sampled') {
    throw invalid(`verify=${verify} reads the source again`, 'use verify=structural, or keep the source');
  }
}

/** `cuda` is the first GPU, as in PyTorch. */
function computeOf(device: string): string {
  if (device === '' || device === 'cpu') return 'cpu';
  if (device === 'auto' || /^cuda:\d{1,3}(?:,\d{1,3})*$/.test(device)) return device;
  if (device === 'cuda') return 'cuda:0';
  throw new NemotronError('OPTION_INVALID', `device_map=${device}: expected auto, cpu or cuda:N`, {
    facts: { option: 'device_map', found: device, expected: ['auto', 'cpu', 'cuda:N'] },
    hint: 'leave device_map unset; the bytes are the same on every device',
  });
}

/** One process alone is no sharing. */
export function ranksOf(ranks: RankOf | null): RankOf | null {
  if (ranks === null) return null;
  const { rank, world } = ranks;
  if (Number.isSafeInteger(rank) && Number.isSafeInteger(world) && rank >= 0 && rank < world) {
    return world === 1 ? null : ranks;
  }
  throw new NemotronError('OPTION_INVALID', `rank ${rank} of ${world}: expected 0 <= rank < world`, {
    facts: { option: 'ranks', found: ranks },
  });
}

function text(option: string, value: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new NemotronError('OPTION_INVALID', `${option} is required`, {
    facts: { option, found: value ?? null },
  });
}

export function choice<T extends string>(option: string, value: T, expected: readonly T[]): T {
  if (expected.includes(value)) return value;
  throw new NemotronError(
    'OPTION_INVALID',
    `${option}=${String(value)}: expected one of ${expected.join(', ')}`,
    {
      facts: { option, found: value, expected },
      hint: `use ${expected.map((name) => `${option}=${name}`).join(', ')}`,
    },
  );
}

function size(option: string, value = 1): number {
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new NemotronError('OPTION_INVALID', `${option}=${String(value)}: expected an integer of at least 1`, {
    facts: { option, found: value },
  });
}
