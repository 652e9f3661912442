import type { Target } from '../models/target.js';
import type { TorchValue } from './types.js';

/** What differs between the containers that the Bridge versions write. */
export interface Container {
  /** The .distcp files of a rank: one a writer thread. */
  readonly filesPerRank: number;
  /** common.pt, or an object of the checkpoint. */
  readonly common: 'file' | 'object';
  readonly stepDtype: 'int32' | 'int64';
  readonly metadataJson: Readonly<Record<string, string | number>>;
  /** What has loaded such checkpoints, every tensor compared: an older version cannot read the container of a newer one. */
  readonly consumers: readonly string[];
}

const BRIDGE_070 = 'Megatron-Bridge 0.7.0 with Megatron-Core 0.20.0';

export const CONTAINERS: Readonly<Record<Target, Container>> = {
  '0.3.1': {
    filesPerRank: 2,
    common: 'file',
    stepDtype: 'int32',
    metadataJson: {
      sharded_backend: 'torch_dist',
      sharded_backend_version: 1,
      common_backend: 'torch',
      common_backend_version: 1,
    },
    consumers: ['Megatron-Bridge 0.3.1 with Megatron-Core 0.16.1', BRIDGE_070],
  },
  '0.7.0': {
    filesPerRank: 1,
    common: 'object',
    stepDtype: 'int64',
    metadataJson: { sharded_backend: 'torch_dist', sharded_backend_version: 1 },
    consumers: [BRIDGE_070],
  },
};

export const ITERATION_DIR = 'iter_0000000';
export const COMMON_STATE_KEY = 'common_state/shard_0_1';

const dict = (entries: Readonly<Record<string, TorchValue>>): TorchValue => ({
  dict: Object.entries(entries),
});
const scalar = (dtype: string): TorchValue => ({ tensor: { dtype, shape: [], data: [0] } });

const COMMON = dict({
  checkpoint_version: { float: 3.0 },
  iteration: 0,
  content_metadata: dict({ singleton_local_shards: false, chained_optim_avoid_prefix: true }),
});

/** The objects of a checkpoint that an import writes, by the names that the plan refers to. */
export function torchObjects(container: Container): Record<string, TorchValue> {
  const step = scalar(container.stepDtype);
  return {
    extra_state: { list: [{ tensor: { dtype: 'uint8', shape: [0], data: [] } }] },
    extra_state_none: { list: [null] },
    common: container.common === 'file' ? COMMON : { list: [COMMON] },
    train_state: dict({
      step,
      consumed_train_samples: step,
      skipped_train_samples: step,
      consumed_valid_samples: step,
      floating_point_operations_so_far: scalar('float32'),
      do_train: scalar('bool'),
      do_valid: scalar('bool'),
      do_test: scalar('bool'),
    }),
  };
}
