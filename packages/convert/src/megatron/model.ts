/**
 * The Megatron module tree, as far as a checkpoint shows it: parameters, persistent buffers and the `_extra_state`
 * entries of Transformer Engine modules, each with the key that it lands under on disk.
 */

import type { Fields } from '../models/provider.js';

/** A leading axis of a stacked tensor: this parameter's index on it, and the axis' size. */
export interface Axis {
  readonly index: number;
  readonly count: number;
}

/** A block of rows that is stored apart: under a key of its own when it has a suffix, as a chunk of its own if not. */
export interface Part {
  readonly suffix: string | null;
  readonly rows: number;
}

/** How tensor parallelism cuts a parameter: rows, columns, or not at all. */
export type Split = 'column' | 'row' | 'replicated';

/** A dtype that a change of the model's dtype leaves alone: float32 by wish, integers because they are no floats. */
export type KeptDtype = 'float32' | 'int32' | 'int64';

/** The pipeline stage that owns a parameter: the embedding's, the output layer's, or that of a decoder layer. */
export type Stage = 'first' | 'last' | number;

export interface Param {
  /**
   * The module parameter's name with `*` for its indices, as mapping rows spell it. A kind in parentheses tells modules
   * apart that are filled in other ways: `self_attention(shared)`.
   */
  readonly name: string;
  /** What the `*` of `name` stand for, left to right. */
  readonly indices: readonly number[];
  readonly key: string;
  /** Leading axes of the tensor on disk, before the parameter's own shape. */
  readonly axes: readonly Axis[];
  /** The whole parameter's shape, at tensor parallel size 1. */
  readonly shape: readonly number[];
  readonly split: Split;
  readonly parts: readonly Part[];
  readonly stage: Stage;
  /** Which expert of how many it belongs to; experts are cut by the expert tensor parallel size. */
  readonly expert: Axis | null;
  /** The provider of its layer, where that differs from the model's. */
  readonly provider: Fields | null;
  /** What it is stored in whatever the model's dtype; null for that dtype. */
  readonly keeps: KeptDtype | null;
}

/** An object entry: one `_extra_state` of a Transformer Engine module. */
export interface StateEntry {
  readonly key: string;
  readonly object: 'extra_state' | 'extra_state_none';
  readonly stage: Stage;
  readonly expert: Axis | null;
}

export interface ParamOptions {
  readonly split?: Split;
  readonly parts?: readonly Part[];
  readonly keeps?: KeptDtype;
}

/** Collects a model's parameters; a scope stands for one place in the module tree. */
export class ModelDescription {
  readonly params: Param[] = [];
  readonly states: StateEntry[] = [];
  readonly #prefix: string;

  /** `prefix` is where a language model lies in a larger model: the names and keys of its scopes begin with it. */
  constructor(prefix = '') {
    this.#prefix = prefix;
  }

  scope(
    name: string,
    key: string,
    stage: Stage,
    indices: readonly number[] = [],
    axes: readonly Axis[] = [],
  ): Scope {
    const place = { stage, indices, axes, expert: null, provider: null };
    return new Scope(this, { ...place, name: `${this.#prefix}${name}`, key: `${this.#prefix}${key}` });
  }

  /** A module beside the language model. It is built by the first pipeline stage. */
  beside(path: string): Scope {
    const place = { stage: 'first', indices: [], axes: [], expert: null, provider: null } as const;
    return new Scope(this, { ...place, name: path, key: path });
  }
}

interface Place {
  readonly name: string;
  readonly key: string;
  readonly stage: Stage;
  readonly indices: readonly number[];
  readonly axes: readonly Axis[];
  readonly expert: Axis | null;
  readonly provider: Fields | null;
}

export class Scope {
  readonly #model: ModelDescription;
  readonly #place: Place;

  constructor(model: ModelDescription, place: Place) {
    this.#model = model;
    this.#place = place;
  }

  /** A submodule with the same name in the module tree and on disk. */
  child(path: string): Scope {
    const { name, key } = this.#place;
    return new Scope(this.#model, { ...this.#place, name: `${name}${path}.`, key: `${key}${path}.` });
  }

  /** One of `count` equal layers under `path`, which share their keys. */
  stacked(path: string, index: number, count: number): Scope {
    const { name, key, indices, axes } = this.#place;
    return new Scope(this.#model, {
      ...this.#place,
      name: `${name}${path}.*.`,
      key: `${key}${path}.`,
      indices: [...indices, index],
      axes: [...axes, { index, count }],
    });
  }

  /** Layer `index` under `path`, whose keys keep its number. */
  numbered(path: string, index: number): Scope {
    const { name, key, indices } = this.#place;
    return new Scope(this.#model, {
      ...this.#place,
      name: `${name}${path}.*.`,
      key: `${key}${path}.${index}.`,
      indices: [...indices, index],
    });
  }

  /** A submodule of a kind that lies under a key of its own, with the leading axis that layers of its kind share. */
  kind(path: string, kind: string | null, suffix: string, axes: readonly Axis[]): Scope {
    const { name, key } = this.#place;
    const own = `${name}${path}${kind === null ? '' : `(${kind})`}.`;
    return new Scope(this.#model, { ...this.#place, name: own, key: `${key}${path}_${suffix}.`, axes });
  }

  /** The same place, in a layer whose sizes are those of `provider`. */
  with(provider: Fields): Scope {
    return new Scope(this.#model, { ...this.#place, provider });
  }

  param(path: string, shape: readonly number[], options: ParamOptions = {}): void {
    const { name, key, indices, axes, stage, expert, provider } = this.#place;
    // Grouped experts carry the expert's number at the end of the parameter's name.
    const star = expert === null ? '' : '*';
    this.#model.params.push({
      name: `${name}${path}${star}`,
      indices: expert === null ? indices : [...indices, expert.index],
      key: `${key}${path}`,
      axes,
      shape,
      split: options.split ?? 'replicated',
      parts: options.parts ?? [{ suffix: null, rows: shape[0] ?? 1 }],
      stage,
      expert,
      provider,
      keeps: options.keeps ?? null,
    });
  }

  /** `<module>._extra_state/shard_<index>_<count>`; several axes are joined by dots. */
  state(path: string, object: StateEntry['object'] = 'extra_state'): void {
    const { key, axes, stage, expert } = this.#place;
    const index = axes.length === 0 ? '0' : axes.map((axis) => axis.index).join('.');
    const count = axes.length === 0 ? '1' : axes.map((axis) => axis.count).join('.');
    const module = path === '' ? key.slice(0, -1) : `${key}${path}`;
    this.#model.states.push({ key: `${module}._extra_state/shard_${index}_${count}`, object, stage, expert });
  }

  /** One scope for each of `count` grouped experts; on disk they share a key under `experts.experts`. */
  experts(count: number): readonly Scope[] {
    const { name, key, axes } = this.#place;
    return Array.from({ length: count }, (_, index) => {
      const expert = { index, count };
      const place = { ...this.#place, name: `${name}experts.`, key: `${key}experts.experts.`, expert };
      return new Scope(this.#model, { ...place, axes: [...axes, expert] });
    });
  }
}
