/**
 * How alike two words are, from 0 to 1: twice the characters in matching blocks over all characters, where the longest
 * common block is found first (leftmost in the candidate, then in the typed word) and both sides are searched again.
 */
export function similarity(candidate: string, typed: string): number {
  const a = Array.from(candidate);
  const b = Array.from(typed);
  return a.length + b.length === 0 ? 1 : (2 * matching(a, b)) / (a.length + b.length);
}

function matching(a: readonly string[], b: readonly string[]): number {
  const { length, atA, atB } = longestBlock(a, b);
  if (length === 0) return 0;
  const left = matching(a.slice(0, atA), b.slice(0, atB));
  return left + length + matching(a.slice(atA + length), b.slice(atB + length));
}

function longestBlock(a: readonly string[], b: readonly string[]) {
  let best = { length: 0, atA: 0, atB: 0 };
  let previous = new Uint32Array(b.length + 1);
  for (const [i, char] of a.entries()) {
    const current = new Uint32Array(b.length + 1);
    for (const [j, other] of b.entries()) {
      if (char !== other) continue;
      const length = (previous[j] ?? 0) + 1;
      current[j + 1] = length;
      if (length > best.length) best = { length, atA: i - length + 1, atB: j - length + 1 };
    }
    previous = current;
  }
  return best;
}

/** Up to three candidates at least half alike, best first; of equals the alphabetically later first. */
export function suggestions(typed: string, candidates: readonly string[], least = 0.5): string[] {
  return candidates
    .map((name) => ({ name, score: similarity(name, typed) }))
    .filter(({ score }) => score >= least)
    .sort((a, b) => b.score - a.score || (a.name < b.name ? 1 : -1))
    .slice(0, 3)
    .map(({ name }) => name);
}
