import type { SourceTensor } from '../source/tensor.js';

/** The same parameter in a model's module tree and in its files, where they differ: pairs of beginnings. */
const BEGINNINGS: readonly (readonly [string, string])[] = [
  ['', ''],
  // Files of a model without its head.
  ['model.', ''],
  ['transformer.', ''],
  ['', 'model.'],
  // Models of several modalities, whose modules have moved since their files were made.
  ['model.language_model.', 'language_model.model.'],
  ['model.language_model.', 'model.'],
  ['model.visual.', 'visual.'],
  ['model.vision_tower.', 'vision_tower.'],
  ['lm_head.', 'language_model.lm_head.'],
];

/** The output layer's weight when it is one of its own. */
export const HEAD_NAME = 'lm_head.weight';
const HEAD = /(^|\.)lm_head\.weight$/;
const EMBEDDING = /(^|\.)(embed_tokens|wte|word_embeddings|embed_in|embeddings|tok_embeddings)\.weight$/;

export interface BaseName {
  readonly name: string;
  /** It is the embeddings, which the output layer shares. */
  readonly tied: boolean;
}

/** Finds the base's tensors by what the model calls them. */
export class BaseNames {
  readonly #tensors: ReadonlyMap<string, SourceTensor>;
  /** The embeddings, where they are the output layer too. */
  readonly shared: string | undefined;

  constructor(tensors: ReadonlyMap<string, SourceTensor>, tied: boolean) {
    this.#tensors = tensors;
    const found = [...tensors.keys()].filter((name) => EMBEDDING.test(name));
    this.shared = tied && found.length === 1 ? found[0] : undefined;
  }

  find(name: string): BaseName | undefined {
    const found = candidates(name).find((candidate) => this.#tensors.has(candidate));
    if (found !== undefined) return { name: found, tied: false };
    const isHead = HEAD.test(name) && this.shared !== undefined;
    return isHead ? { name: this.shared as string, tied: true } : undefined;
  }

  /** The name of a module that has parameters of its own. */
  findModule(module: string): string | undefined {
    const names = [...this.#tensors.keys()];
    return candidates(`${module}.`)
      .find((candidate) => names.some((name) => name.startsWith(candidate)))
      ?.slice(0, -1);
  }
}

function candidates(name: string): string[] {
  return BEGINNINGS.filter(([model]) => name.startsWith(model)).map(
    ([model, file]) => file + name.slice(model.length),
  );
}
