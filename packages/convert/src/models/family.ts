import type { PyMap, TargetDtype } from '@nemotron-convert/core';
import type { CoreName } from './core.js';
import type { EncoderKind } from './encoder-kind.js';
import type { HfConfig } from './hf-config.js';
import type { Fields } from './provider.js';
import type { Spelling } from './spellings.js';
import type { Target } from './target.js';

/**
 * Where a Megatron parameter's values come from. `*` in a name stands for the parameter's own indices, left to right;
 * `{*+layers}` is an index counted on from the decoder's last layer, `{*+experts}` one past the experts; `{depth+*}` counts a multi-token prediction depth
 * and a layer in it through all depths, `{depth+first}` and `{depth+last}` are a depth's first and last layer.
 * Each form is one named transform of plan/transforms/.
 */
export type PlainOrigin =
  | string
  /** Per query group: the group's query heads, its key head, its value head. */
  | { readonly qkv: readonly [q: string, k: string, v: string] }
  /** The same with one gate row a head, repeated over the head, after the group's query heads. */
  | { readonly qkvGated: readonly [q: string, k: string, v: string, g: string] }
  /** The same with queries alone: keys and values are zero, since the layer attends to those of an earlier one. */
  | { readonly qkvQueries: readonly [q: string] }
  /** Gate rows, then up rows. */
  | { readonly gated: readonly [gate: string, up: string] }
  /** Query, key, value, gate, beta and alpha rows of a gated delta net, which the origin interleaves by key head. */
  | { readonly gdn: readonly [qkvz: string, ba: string] }
  | { readonly gdnSeparate: readonly [qkv: string, z: string, b: string, a: string] }
  /** The rows of qkv out of one tensor: all queries, all keys, all values. */
  | { readonly qkvJoined: readonly [name: string] }
  /** A matrix with the halves of its columns exchanged. */
  | { readonly swapped: readonly [name: string] }
  /** A matrix that the source holds with its inputs first. */
  | { readonly transposed: readonly [name: string] }
  /** A row of a matrix of two: for text tokens the first, for vision tokens the second. */
  | { readonly firstRow: readonly [name: string] }
  | { readonly secondRow: readonly [name: string] }
  /** A vector that the source holds as a matrix of one row. */
  | { readonly squeezed: readonly [name: string] }
  /** A third of a vector, the first, the second or the last. */
  | { readonly firstThird: readonly [name: string] }
  | { readonly secondThird: readonly [name: string] }
  | { readonly lastThird: readonly [name: string] }
  /** The first elements of a vector that the source pads with zeros. */
  | { readonly leading: readonly [name: string] }
  /** A norm's weight less one, for norms that Megatron centres at zero. */
  | { readonly minusOne: readonly [name: string] }
  /** A norm that the origin lacks: one everywhere, as Megatron initialises it and the Bridge leaves it. */
  | { readonly ones: readonly [] }
  /** One expert's part of a tensor that stacks all experts; transposed where a matrix has its inputs first. */
  | { readonly stacked: readonly [name: string] }
  | { readonly stackedTransposed: readonly [name: string] }
  /** Gate rows, then up rows, each out of a stack of its own. */
  | { readonly stackedGated: readonly [gate: string, up: string] }
  /** The same, with gate and up outputs in turns. */
  | { readonly alternating: readonly [name: string] }
  | { readonly alternatingTransposed: readonly [name: string] }
  /** The same out of four-bit floats. */
  | { readonly mxfp4: readonly [blocks: string, scales: string] }
  | { readonly mxfp4Alternating: readonly [blocks: string, scales: string] };

/** An origin, or several that checkpoints of the family differ in: the first that fits the source's tensors counts. */
export type Origin = PlainOrigin | { readonly oneOf: readonly PlainOrigin[] };

/** A row of the mapping registry: the Megatron module parameter, and its origin in the Hugging Face checkpoint. */
export type MappingRow = readonly [megatron: string, origin: Origin];

/** How config.json becomes the provider dataclass of run_config.yaml, for one Bridge version. */
export interface ConfigRules {
  /** Name of the dataclass in the table of defaults. */
  readonly provider: string;
  /** The Megatron-Core that builds the model, where the version's release of it cannot. */
  readonly core?: CoreName;
  /** Values that this version's transformers gives to absent keys, where they differ from the family's. */
  readonly defaults?: PyMap;
  /** Fields copied from config.json, after or instead of the Bridge's common ones. */
  readonly copy?: readonly (readonly [hf: string, megatron: string])[];
  /** True when the Bridge copies only the fields of `copy`. */
  readonly copyOnly?: boolean;
  /** Functions by names of `hidden_act` that only this bridge knows. */
  readonly activations?: Readonly<Record<string, string>>;
  /** Constants that the Bridge sets last. */
  readonly set?: PyMap;
  /** Fields that take more than a copy. They win over `set`. */
  readonly derive?: (hf: HfConfig, model: WholeModel) => Fields;
  /** The rules of a config.json that is built by another provider class; null where these are meant. */
  readonly instead?: (config: PyMap) => ConfigRules | null;
  /** Why this version cannot build the model of a config.json, after its name: "has no …"; null where it can. */
  readonly refuses?: (config: PyMap) => string | null;
  /**
   * Decoder layers a stage: by the pipeline size, where the number of layers is no multiple of that size, or as even as can
   * be at any size, with the prediction layers on the last stage.
   */
  readonly stages?: Readonly<Record<number, readonly number[]>> | 'even';
  /** Parallel sizes other than one at which this version cannot build or save the model. */
  readonly uncut?: readonly ('tp' | 'pp')[];
  /** Rows of this version; they come before the family's. */
  readonly rows?: readonly MappingRow[];
  /** What stands beside the language model. */
  readonly encoders?: readonly Encoder[];
  /** Extra keys of run_config.yaml's `tokenizer.hf_tokenizer_kwargs`. */
  readonly tokenizerKwargs?: PyMap;
}

/** What a rule may look at beside the language model's own configuration. */
export interface WholeModel {
  /** config.json as a whole. */
  readonly whole: HfConfig;
  readonly target: Target;
  readonly dtype: TargetDtype;
  /** The source as the user named it. */
  readonly modelId: string;
  /** The names of the checkpoint's tensors. */
  readonly tensors: Iterable<string>;
}

/** A vision or audio encoder, or the projector behind it. */
export interface Encoder {
  /** The module's place in the Megatron model, `visual.` for example. */
  readonly at: string;
  readonly module: EncoderKind;
  /** Its key in config.json, dotted where nested, and the transformers class that fills in absent keys. */
  readonly config: readonly [key: string, hfClass: string];
  /** Only there where config.json has its key. */
  readonly optional?: boolean;
}

/** What one registered architecture is: all a contributor writes to add a family. */
export interface Family {
  /** Class names as in config.json's `architectures`. */
  readonly architectures: readonly string[];
  readonly example: string;
  /** Values that transformers' configuration class gives to absent keys. */
  readonly defaults: PyMap;
  /** The key of config.json that holds the language model's own configuration; its keys may stand beside it too. */
  readonly text?: string;
  /** The transformers class of that configuration, whose recorded defaults are used beside `defaults`. */
  readonly textClass?: string | ((config: PyMap, target: Target) => string);
  /** Where the language model is in the Megatron model, `language_model.` for example. */
  readonly prefix?: string;
  /** Fallbacks for keys that are null: another key, or the quotient of two. */
  readonly fallbacks?: Readonly<Record<string, string | readonly [string, string]>>;
  /** The Bridge versions that register the architecture, with their rules. */
  readonly config: Partial<Readonly<Record<Target, ConfigRules>>>;
  /** How the decoder is built. */
  readonly model: 'gpt' | 'hybrid' | 'parallel' | 'gemma4';
  readonly rows: readonly MappingRow[];
  /** Other prefixes of tensor names in releases of the family; those of a plain language model when absent. */
  readonly spellings?: readonly Spelling[];
  /** Source tensors that are left out on purpose. */
  readonly drops?: readonly DropRule[];
  /** The family of a config.json that the Bridge takes for another architecture's; null where this one is meant. */
  readonly instead?: (config: PyMap) => Family | null;
  /** Set where the structure could not be compared with the real stack: what it was taken from instead. */
  readonly unverified?: string;
  /** Set where no Megatron-Bridge registers the architecture: where its rules come from. */
  readonly beyondBridge?: string;
}

export interface DropRule {
  /**
   * A group named `beyond` matches only layer numbers past the decoder's last, one named `depth` only those of prediction
   * layers that config.json does not count.
   */
  readonly tensors: RegExp;
  readonly reason: string;
  /** What the tensors repeat, so that it can be written again: Megatron parameters by what the group `end` matches. */
  readonly repeats?: Readonly<Record<string, string>>;
  /** The Bridge versions that leave them out; all when absent. */
  readonly targets?: readonly Target[];
}
