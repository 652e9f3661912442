import type { Flag } from './flags.js';
import { usage } from './usage.js';

export interface ParsedWords {
  /** Values by flag name; the last one wins. */
  readonly values: ReadonlyMap<string, string>;
  readonly switches: ReadonlySet<string>;
  /** Everything else, in order. */
  readonly rest: readonly string[];
}

export interface WordRules {
  /** The command, for messages: `nemotron steps run`. */
  readonly command: string;
  readonly flags: readonly Flag[];
  /** Unknown flags are kept as words instead of refused. */
  readonly keepUnknown?: boolean;
  /** Flags end at the first word that is none: what follows belongs to a subcommand. */
  readonly stopAtWord?: boolean;
}

/**
 * Takes flags out of words by the rules of the Python tool's parser (click): a value is the next word whatever it looks
 * like, short flags cluster, `--flag=value` and `-fvalue` work, nothing is abbreviated, `--` ends the flags.
 */
export function parseWords(words: readonly string[], rules: WordRules): ParsedWords {
  const queue = [...words];
  const values = new Map<string, string>();
  const switches = new Set<string>();
  const rest: string[] = [];

  const take = (flag: Flag, written: string): void => {
    if (flag.value === undefined) {
      switches.add(flag.name);
      return;
    }
    const value = queue.shift();
    if (value === undefined) throw usage(`Option '${written}' requires an argument.`, rules.command);
    values.set(flag.name, value);
  };

  const long = (word: string): boolean => {
    const equals = word.indexOf('=');
    const written = equals === -1 ? word : word.slice(0, equals);
    const flag = rules.flags.find(({ name }) => `--${name}` === written);
    if (flag === undefined) return false;
    if (equals !== -1) {
      if (flag.value === undefined) throw usage(`Option '${written}' does not take a value.`, rules.command);
      queue.unshift(word.slice(equals + 1));
    }
    take(flag, written);
    return true;
  };

  const cluster = (word: string): void => {
    let unknown = '';
    const letters = Array.from(word.slice(1));
    for (const [index, letter] of letters.entries()) {
      const flag = rules.flags.find(({ short }) => short === letter);
      if (flag === undefined) {
        if (rules.keepUnknown !== true) throw usage(`No such option: -${letter}`, rules.command);
        unknown += letter;
      } else {
        const glued = letters.slice(index + 1).join('');
        if (flag.value !== undefined && glued !== '') queue.unshift(glued);
        take(flag, `-${letter}`);
        if (flag.value !== undefined) break;
      }
    }
    if (unknown !== '') rest.push(`-${unknown}`);
  };

  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    if (word === '--') {
      rest.push(...queue);
      break;
    }
    if (word.length < 2 || !word.startsWith('-')) {
      rest.push(word);
      if (rules.stopAtWord === true) {
        rest.push(...queue);
        break;
      }
      continue;
    }
    if (long(word)) continue;
    if (!word.startsWith('--')) cluster(word);
    else if (rules.keepUnknown === true) rest.push(word);
    else throw usage(`No such option: ${word.split('=')[0]}`, rules.command);
  }
  return { values, switches, rest };
}
