import { NemotronError, type TargetDtype } from '@nemotron-convert/core';
import type { ReadMode, VerifyChoice, WriteMode } from '../options.js';
import type { Context } from './convert.js';
import { mergeMegatron } from './merge-megatron.js';
import { mergePeft } from './merge-peft.js';

/** What a merge is asked to do. */
export interface MergeLoraOptions {
  /** The kind of adapter; `auto` is megatron_bridge where `baseMegatronPath` is given, else hf_peft. */
  readonly backend?: 'auto' | 'hf_peft' | 'megatron_bridge';
  /** The adapter's directory, or one above several: see `findAdapter`. */
  readonly loraCheckpoint: string;

  /** hf_peft: the base model, a directory or a Hub model id. */
  readonly baseHfPath?: string;
  /** Directory of the merged Hugging Face checkpoint; must be absent or empty. */
  readonly outputHfPath?: string;
  /** hf_peft: what the base is held in while it is merged, and stored in. `auto` is that of the base, null is float32. */
  readonly torchDtype?: TargetDtype | 'auto' | null;
  /** hf_peft: put the base's tokenizer files beside the weights; true by default. */
  readonly saveTokenizer?: boolean;

  /** megatron_bridge: the base checkpoint; default is the one that the adapter's run_config.yaml names. */
  readonly baseMegatronPath?: string;
  /** megatron_bridge: directory of the merged Megatron checkpoint; must be absent or empty. */
  readonly outputMegatronPath?: string;
  /** megatron_bridge: the Hugging Face model that the base was made of. */
  readonly hfModelPath?: string;
  /** megatron_bridge: export the merged model to `outputHfPath`, with the configuration and tokenizer of this model. */
  readonly exportHfModel?: string;
  readonly strict?: boolean;

  /** Discards what an interrupted merge left, instead of finishing it. */
  readonly fresh?: boolean;
  /** What is checked before a checkpoint is published; structural by default. */
  readonly verify?: VerifyChoice;
  readonly threads?: number;
  /** Bytes for buffers, whatever the model's size. */
  readonly memory?: number;
  readonly readMode?: ReadMode;
  readonly writeMode?: WriteMode;
}

/** A checkpoint that a merge has written. */
export interface MergedOutput {
  readonly kind: 'huggingface' | 'megatron';
  /** Absolute path. */
  readonly path: string;
  readonly tensors: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly bytesResumed: number;
  readonly seconds: number;
}

export interface MergeLoraReport {
  readonly backend: 'hf_peft' | 'megatron_bridge';
  /** The adapter that was found. */
  readonly adapter: string;
  readonly base: string;
  /** Tensors whose values the adapter changes. */
  readonly changed: number;
  readonly outputs: readonly MergedOutput[];
}

/**
 * Merges a LoRA adapter into its base model, streaming: W + scale · B · A in float32, as PEFT's `merge_and_unload` does it
 * on the CPU. Every output appears complete or not at all.
 *
 * Throws ADAPTER_MISSING, ADAPTER_CONFIG_INVALID, ADAPTER_UNSUPPORTED, ADAPTER_TENSOR_*, OPTION_INVALID, and what reading
 * the base and writing the target throw.
 */
export async function mergeLora(options: MergeLoraOptions, context: Context = {}): Promise<MergeLoraReport> {
  const { backend = 'auto', baseMegatronPath } = options;
  if (!['auto', 'hf_peft', 'megatron_bridge'].includes(backend)) {
    throw new NemotronError(
      'OPTION_INVALID',
      `backend=${backend}: expected auto, hf_peft or megatron_bridge`,
      {
        facts: { option: 'backend', found: backend },
      },
    );
  }
  const megatron = backend === 'megatron_bridge' || (backend === 'auto' && baseMegatronPath !== undefined);
  return megatron ? mergeMegatron(options, context) : mergePeft(options, context);
}
