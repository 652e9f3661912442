import { NemotronError, TARGET_DTYPES, type TargetDtype } from '@nemotron-convert/core';
import {
  type ConvertOptions,
  choice,
  type ResolvedOptions,
  ranksOf,
  requiredText,
  resolveWriteOptions,
} from './options.js';
import { MAX_SHARD_SIZE } from './output/hf/shards.js';

/** What an export is asked to do. Everything but the three names has a default. */
export interface ExportOptions
  extends Pick<
    ConvertOptions,
    'fresh' | 'memory' | 'ranks' | 'readMode' | 'threads' | 'trustRemoteCode' | 'verify' | 'writeMode'
  > {
  /** A Megatron checkpoint, or one of its iteration directories. */
  readonly megatronPath: string;
  /** The original model, a local directory or a model id: its configuration, names, files and tokenizer are taken. */
  readonly hfModelId: string;
  /** The directory to create; must be absent or empty. */
  readonly hfPath: string;
  /** The dtype of the weights; by default the original's, where the checkpoint's is not narrower. */
  readonly dtype?: TargetDtype | null;
  /** Refuses what the checkpoint or the original has and the other has not; otherwise it is left out. */
  readonly strict?: boolean;
  /** Bytes of a weight file, where the original does not tell how to divide the tensors. */
  readonly maxShardSize?: number;
}

export interface ResolvedExport
  extends Pick<
    ResolvedOptions,
    'compute' | 'fresh' | 'memory' | 'ranks' | 'readMode' | 'threads' | 'verify' | 'writeMode'
  > {
  readonly megatronPath: string;
  readonly hfModelId: string;
  readonly hfPath: string;
  readonly dtype: TargetDtype | null;
  readonly strict: boolean;
  readonly maxShardSize: number;
}

/** Fills defaults and refuses values outside their choices. Throws OPTION_INVALID. */
export function resolveExport(options: ExportOptions): ResolvedExport {
  const { dtype = null, maxShardSize = MAX_SHARD_SIZE } = options;
  if (!Number.isSafeInteger(maxShardSize) || maxShardSize < 1) {
    throw new NemotronError('OPTION_INVALID', `max_shard_size=${maxShardSize}: expected a number of bytes`, {
      facts: { option: 'max_shard_size', found: maxShardSize },
    });
  }
  return {
    ...resolveWriteOptions(options),
    ranks: ranksOf(options.ranks ?? null),
    megatronPath: requiredText('megatron_path', options.megatronPath),
    hfModelId: requiredText('hf_model_id', options.hfModelId),
    hfPath: requiredText('hf_path', options.hfPath),
    dtype: dtype === null ? null : choice('dtype', dtype, TARGET_DTYPES),
    strict: options.strict ?? true,
    maxShardSize,
  };
}
