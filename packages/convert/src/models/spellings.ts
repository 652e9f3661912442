/** A prefix of tensor names in some releases of a family, and what it is called in the family's rows. */
export type Spelling = readonly [found: string, canonical: string];

/** A language model that was saved as part of a larger one, under the names of older and newer releases. */
export const LANGUAGE_SPELLINGS: readonly Spelling[] = [
  ['model.language_model.', 'model.'],
  ['language_model.model.', 'model.'],
  ['language_model.lm_head.', 'lm_head.'],
];

/** The tensors by the names of the family's rows. A name that the checkpoint has itself is never given to another tensor. */
export function respelled<Tensor extends { readonly name: string }>(
  tensors: ReadonlyMap<string, Tensor>,
  spellings: readonly Spelling[],
): ReadonlyMap<string, Tensor> {
  const known = (name: string): boolean => !spellings.some(([found]) => name.startsWith(found));
  if ([...tensors.keys()].every(known)) return tensors;
  const out = new Map<string, Tensor>();
  for (const [canonical, name] of namesByRow(tensors, spellings)) {
    const tensor = tensors.get(name) as Tensor;
    out.set(canonical, canonical === name ? tensor : { ...tensor, name: canonical });
  }
  return out;
}

/** The names of a checkpoint's tensors by those of the family's rows. */
export function namesByRow(
  names: Pick<ReadonlyMap<string, unknown>, 'has' | 'keys'>,
  spellings: readonly Spelling[],
): ReadonlyMap<string, string> {
  const out = new Map<string, string>();
  for (const name of names.keys()) {
    const canonical = canonicalName(name, spellings);
    out.set(canonical === name || !names.has(canonical) ? canonical : name, name);
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
