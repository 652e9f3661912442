import { checkpointPlan } from '@nemotron-convert/native';
import type { Box } from '../box.js';
import { type SourceFile, stamped } from './open.js';
import type { SourceTensor } from './tensor.js';

/** A tensor of a Megatron checkpoint: boxes of what its files store. */
export interface StoredKey {
  readonly key: string;
  /** torch name. */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly boxes: readonly Box<SourceTensor>[];
}

export interface StoredCheckpoint {
  readonly files: readonly SourceFile[];
  readonly keys: ReadonlyMap<string, StoredKey>;
}

/**
 * The tensors of the checkpoint in an iteration directory, without those under `prefixes`. Its files are numbered from
 * `firstFile` on. Throws CHECKPOINT_INVALID.
 */
export async function openCheckpoint(
  iteration: string,
  firstFile: number,
  prefixes: readonly string[],
): Promise<StoredCheckpoint> {
  const plan = await checkpointPlan(iteration, prefixes);
  const regions = plan.tensors.map(
    ({ source, ...region }): SourceTensor => ({ ...region, file: firstFile + source }),
  );
  const items = plan.files.flatMap((file) => file.items);
  const keys = plan.keys.map((key, at): StoredKey => {
    const boxes = (items[at]?.copies ?? []).map(({ tensor, ...box }) => ({
      ...box,
      source: regions[tensor] as SourceTensor,
    }));
    return { ...key, boxes };
  });
  const files = plan.sources.map(stamped);
  return { files: await Promise.all(files), keys: new Map(keys.map((key) => [key.key, key])) };
}
