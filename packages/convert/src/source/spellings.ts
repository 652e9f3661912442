import type { SourceTensor } from './tensor.js';

/** A prefix of tensor names in some releases of a family, and what it is called in the family's rows. */
export type Spelling = readonly [found: string, canonical: string];

/** A language model that was saved as part of a larger one, under the names of older and newer releases. */
export const LANGUAGE_SPELLINGS: readonly Spelling[] = [
  ['model.language_model.', 'model.'],
  ['language_model.model.', 'model.'],
  ['language_model.lm_head.', 'lm_head.'],
];

/** The tensors by the names of the family's rows. A name that the checkpoint has itself is never given to another tensor. */
export function respelled(
  tensors: ReadonlyMap<string, SourceTensor>,
  spellings: readonly Spelling[],
): ReadonlyMap<string, SourceTensor> {
  const known = (name: string): boolean => !spellings.some(([found]) => name.startsWith(found));
  if ([...tensors.keys()].every(known)) return tensors;
  const out = new Map<string, SourceTensor>();
  for (const [name, tensor] of tensors) {
    const canonical = canonicalName(name, spellings);
    const free = canonical === name || !tensors.has(canonical);
    out.set(free ? canonical : name, free ? { ...tensor, name: canonical } : tensor);
  }
  return out;
}

function canonicalName(name: string, spellings: readonly Spelling[]): string {
  return spellings.reduce(
    (known, [found, canonical]) =>
      known.startsWith(found) ? `${canonical}${known.slice(found.length)}` : known,
    name,
  );
}
