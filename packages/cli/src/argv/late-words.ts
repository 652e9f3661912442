import type { Mode } from '@nemotron-convert/config';

/** What the words left after the flags mean. */
export interface LateWords {
  /** `key=value` overrides. */
  readonly dotlist: readonly string[];
  /** Words for the step itself. */
  readonly passthrough: readonly string[];
  /** Flags given after `--`; they replace earlier ones. */
  readonly config: string | undefined;
  readonly run: string | undefined;
  readonly batch: string | undefined;
  readonly dryRun: boolean;
  readonly stage: boolean;
  readonly forceSquash: boolean;
  readonly mode: Mode;
  readonly profile: string | undefined;
}

type ValueName = 'config' | 'run' | 'batch';
type SwitchName = 'dryRun' | 'stage' | 'forceSquash';

const VALUES: ReadonlyMap<string, ValueName> = new Map([
  ['-c', 'config'],
  ['--config', 'config'],
  ['-r', 'run'],
  ['--run', 'run'],
  ['-b', 'batch'],
  ['--batch', 'batch'],
]);
const SWITCHES: ReadonlyMap<string, SwitchName> = new Map([
  ['-d', 'dryRun'],
  ['--dry-run', 'dryRun'],
  ['--stage', 'stage'],
  ['--force-squash', 'forceSquash'],
]);

/** Sorts the words that the first pass left: exact flags, overrides (an `=`, no leading dash), and words for the step. */
export function sortLateWords(words: readonly string[]): LateWords {
  const dotlist: string[] = [];
  const passthrough: string[] = [];
  const values: Partial<Record<ValueName, string>> = {};
  const switches: Record<SwitchName, boolean> = { dryRun: false, stage: false, forceSquash: false };
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    const value = VALUES.get(word);
    const switched = SWITCHES.get(word);
    if (value !== undefined) {
      at += 1;
      const given = words[at];
      if (given !== undefined) values[value] = given;
    } else if (switched !== undefined) switches[switched] = true;
    else if (word.includes('=') && !word.startsWith('-')) dotlist.push(word);
    else passthrough.push(word);
  }
  const { config, run, batch } = values;
  return { dotlist, passthrough, config, run, batch, ...switches, ...modeOf(run, batch) };
}

/** An empty profile name counts as none; that of `batch` is recorded. */
export function modeOf(
  run: string | undefined,
  batch: string | undefined,
): { readonly mode: Mode; readonly profile: string | undefined } {
  if (run !== undefined && run !== '') return { mode: 'run', profile: run };
  if (batch !== undefined && batch !== '') return { mode: 'batch', profile: batch };
  return { mode: 'local', profile: batch };
}
