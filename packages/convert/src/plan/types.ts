import type { BoxOp, Strided } from '../box.js';
import type { LowRankOp } from './low-rank.js';

/** An object as another checkpoint has stored it, in hexadecimal. */
export interface StoredObject {
  readonly stored: string;
}

/** A small Python value that the engine writes with torch.save. Integers stay integers; floats are marked. */
export type TorchValue =
  | null
  | boolean
  | number
  | string
  | { readonly float: number | 'inf' | '-inf' | 'nan' }
  | { readonly list: readonly TorchValue[] }
  | { readonly tuple: readonly TorchValue[] }
  | { readonly dict: readonly (readonly [TorchValue, TorchValue])[] }
  | {
      readonly tensor: {
        readonly dtype: string;
        readonly shape: readonly number[];
        readonly data: readonly number[];
      };
    };

export interface FormCopy extends Strided {
  /** Position among the tensors of the item; so are the sources of an op. */
  readonly tensor: number;
  readonly op?: BoxOp<number> | LowRankOp;
}

/** What elements hold that no copy covers. */
export type Fill = 'zero' | 'one';

/**
 * How a chunk is filled, whatever its tensors: `extent` is the iteration space of the copies, in the payload's row-major
 * order. Chunks of equal layers and experts share one.
 */
export interface Form {
  readonly sizes: readonly number[];
  readonly extent: readonly number[];
  readonly copies: readonly FormCopy[];
  readonly fill?: Fill;
}

/** A float32 matrix or vector of a form's sizes, which low-rank operations use; its copies have no operation. */
export interface PlanMatrix {
  readonly form: number;
  readonly tensors: readonly number[];
}

/** A chunk of a tensor; `tensors` are indices into the plan's. */
export interface TensorItem {
  readonly key: number;
  readonly offsets: readonly number[];
  readonly form: number;
  readonly tensors: readonly number[];
}

export interface ObjectItem {
  readonly key: string;
  readonly object: string;
}

export interface PlanFile {
  /** Relative to the checkpoint's root. */
  readonly path: string;
  readonly rank: number;
  /** What a safetensors header tells besides its tensors. */
  readonly header?: Readonly<Record<string, string>>;
  readonly items: readonly (TensorItem | ObjectItem)[];
}

/** A tensor of the source, or a stored piece of one, with its place in a file. */
export interface PlanTensor {
  readonly name: string;
  readonly source: number;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** `.metadata` of a torch_dist checkpoint. */
export interface PlanIndex {
  readonly path: string;
  readonly checkpointId: string;
  readonly saveId: string;
}

/** A plan that writes a torch_dist checkpoint. */
export type TorchDistPlan = Plan & { readonly metadata: PlanIndex };

/** The whole conversion as data: decided here, re-checked and executed by the engine. */
export interface Plan {
  readonly version: 2;
  /** What the files are: torch_dist checkpoints also have an index and archives. */
  readonly container: 'torch_dist' | 'safetensors';
  readonly sources: readonly { readonly path: string; readonly bytes: number }[];
  readonly tensors: readonly PlanTensor[];
  readonly objects: Readonly<Record<string, TorchValue | StoredObject>>;
  readonly forms: readonly Form[];
  readonly matrices?: readonly PlanMatrix[];
  readonly keys: readonly {
    readonly key: string;
    readonly dtype: string;
    readonly shape: readonly number[];
  }[];
  readonly files: readonly PlanFile[];
  /** Payloads are placed where their blocks can be shared with the source's. */
  readonly share?: boolean;
  readonly metadata?: PlanIndex;
  readonly archives: readonly { readonly path: string; readonly object: string }[];
}
