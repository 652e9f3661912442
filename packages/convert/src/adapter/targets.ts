/** Which modules an adapter's configuration names. */
export interface TargetRule {
  /** Endings of module names, or one regular expression for whole names. */
  readonly modules: readonly string[] | string;
  readonly excluded: readonly string[] | string;
  /** Modules that were trained whole. */
  readonly saved: readonly string[];
  readonly layers: readonly number[] | null;
  /** Regular expressions for what the layer's number follows. */
  readonly layersPattern: readonly string[];
}

/**
 * Whether PEFT wraps a module. Expressions that JavaScript cannot read, among Python's rarer ones, count as matching:
 * the adapter has weights for the module, after all.
 */
export function isTarget(rule: TargetRule, module: string): boolean {
  if (names(rule.excluded, module)) return false;
  if (isSaved(rule, module)) return false;
  if (typeof rule.modules === 'string') {
    // "all-linear" is a word of its own; PEFT writes down what it came to, but other tools may not.
    return rule.modules === 'all-linear' || (matches(`(?:${rule.modules})$`, module) ?? true);
  }
  if (!names(rule.modules, module)) return false;
  if (rule.modules.includes(module) || rule.layers === null || rule.layers.length === 0) return true;
  const layer = layerOf(rule.layersPattern, module);
  return layer !== null && rule.layers.includes(layer);
}

/** Whether a module, or the one that a parameter belongs to, was trained whole. */
export function isSaved(rule: TargetRule, name: string): boolean {
  return rule.saved.some((word) => matches(`(?:^|.*\\.)${word}(?:$|\\..*)`, name) ?? false);
}

function names(words: readonly string[] | string, module: string): boolean {
  if (typeof words === 'string') return matches(`(?:${words})$`, module) ?? false;
  return words.some((word) => module === word || module.endsWith(`.${word}`));
}

/** The first number that follows a pattern in a module's name. */
function layerOf(patterns: readonly string[], module: string): number | null {
  const places = patterns.length === 0 ? ['.*?\\.[^.]*'] : patterns.map((name) => `(?:^|.*?\\.)${name}`);
  for (const place of places) {
    const found = expression(`^(?:${place})\\.(?<layer>\\d+)\\.`)?.exec(module)?.groups?.['layer'];
    if (found !== undefined) return Number(found);
  }
  return null;
}

/** Whether an expression matches from the start, as Python's `re.match` does; undefined when it is none. */
function matches(source: string, text: string): boolean | undefined {
  return expression(`^(?:${source})`)?.test(text);
}

function expression(source: string): RegExp | undefined {
  try {
    return new RegExp(source.replaceAll('(?P<', '(?<'));
  } catch {
    return undefined;
  }
}

/** Values by expressions for the end of a module's name; the first that matches counts. */
export class ModulePatterns {
  readonly #rules: readonly (readonly [RegExp, number])[];

  constructor(entries: readonly (readonly [string, number])[], invalid: (source: string) => never) {
    this.#rules = entries.map(([source, value]) => [
      expression(`^(?:.*\\.)?(?:${source})$`) ?? invalid(source),
      value,
    ]);
  }

  find(module: string): number | undefined {
    return this.#rules.find(([rule]) => rule.test(module))?.[1];
  }
}
