import { NemotronError } from '@nemotron-convert/core';
import { suggestions } from '../../argv/similarity.js';
import type { Manifest } from '../manifest.js';
import type { Settings } from '../settings.js';

/** Alike enough to be a slip of the finger. */
const SLIP = 0.8;
const SHORTEST = 4;

/** Keys that the Python tool's step reads, or that jobs carry, and that need no warning. */
const ACCEPTED: ReadonlySet<string> = new Set([
  'artifacts',
  'context_parallel_size',
  'defaults',
  'distributed_extra_args',
  'distributed_script',
  'distributed_timeout_minutes',
  'duplicate_pp_tensor_policy',
  'expert_model_parallel_size',
  'expert_tensor_parallel_size',
  'extra_args',
  'gpus_per_node',
  'hf_model',
  'nnodes',
  'nproc_per_node',
  'pretrained',
  'run',
  'script',
  'torchrun',
  'upstream_script',
  'use_distributed',
]);

/**
 * Overrides that no parameter has. One that looks like a misspelt parameter is refused (OPTION_UNKNOWN), since the
 * conversion would not be the one that was meant; others are returned: configurations may carry keys of their own.
 */
export function unknownOverrides(settings: Settings, { parameters, extensions }: Manifest): string[] {
  const known = [...parameters, ...extensions].map(({ name }) => name.split('.')[0] ?? name);
  const unknown = [...settings.values.keys()]
    .map(String)
    .filter((key) => !known.includes(key) && !ACCEPTED.has(key) && settings.isOverride(key));
  for (const key of unknown) {
    const [near] = key.length < SHORTEST ? [] : suggestions(key, known, SLIP);
    if (near === undefined) continue;
    throw new NemotronError('OPTION_UNKNOWN', `unknown parameter '${key}'`, {
      facts: { kind: 'ValueError', option: key },
      hint: `did you mean ${near}?`,
    });
  }
  return unknown;
}
