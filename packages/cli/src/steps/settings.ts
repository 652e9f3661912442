import {
  type ConfigMap,
  type ConfigValue,
  codeFrame,
  describeOrigin,
  pythonText,
  type ValueOrigin,
} from '@nemotron-convert/config';
import { NemotronError } from '@nemotron-convert/core';

/** The resolved configuration of a step, with what is known of each value. */
export class Settings {
  constructor(
    readonly values: ConfigMap,
    readonly origins: ReadonlyMap<string, ValueOrigin>,
    /** The shipped default configuration. */
    readonly defaultConfig: string,
    /** What resolving had to say: deprecated keys. */
    readonly warnings: readonly string[] = [],
  ) {}

  /** A value by its dotted key; null where it is absent. */
  get(key: string): ConfigValue {
    let found: ConfigValue | undefined = this.values;
    for (const part of key.split('.')) found = found instanceof Map ? found.get(part) : undefined;
    return found ?? null;
  }

  has(key: string): boolean {
    return this.values.has(key);
  }

  /** The first of several keys that has a value. */
  first(keys: readonly string[]): { readonly key: string; readonly value: ConfigValue } | undefined {
    const key = keys.find((name) => this.get(name) !== null);
    return key === undefined ? undefined : { key, value: this.get(key) };
  }

  /** Whether somebody chose a value: it is not the shipped default, or a variable in it is set. */
  isChosen(key: string): boolean {
    const found = this.origins.get(key);
    if (found === undefined) return false;
    return found.origin?.source.path !== this.defaultConfig || [...found.variables.values()].includes(true);
  }

  /** Whether a value was given as an override or as a word of the step. */
  isOverride(key: string): boolean {
    const name = this.origins.get(key)?.origin?.source.name ?? '';
    return name.startsWith('override ') || name.startsWith('word ');
  }

  /** Where a value was chosen: its place, and the variable that it came from; undefined for a shipped default. */
  placeOf(key: string): string | undefined {
    const found = this.origins.get(key);
    if (found?.origin === undefined || !this.isChosen(key)) return undefined;
    const [variable] = [...found.variables].find(([, set]) => set) ?? [];
    return `${describeOrigin(found.origin)}${variable === undefined ? '' : ` (from ${variable})`}`;
  }

  /** An error about a value, with its place. */
  error(key: string, message: string, hint?: string, kind = 'ValueError'): NemotronError {
    const found = this.origins.get(key);
    const [variable] = [...(found?.variables ?? [])].find(([, set]) => set) ?? [];
    const origin = found?.origin;
    const from = variable === undefined ? '' : ` (from ${variable})`;
    const place =
      origin === undefined ? {} : { at: `${describeOrigin(origin)}${from}`, frame: codeFrame(origin) };
    return new NemotronError('CONFIG_VALUE', message, {
      facts: { kind, option: key, found: pythonText(this.get(key)), ...place },
      ...(hint === undefined ? {} : { hint }),
    });
  }

  /** A text that must be there. Throws CONFIG_VALUE. */
  required(keys: readonly [string, ...string[]]): string {
    const found = this.first(keys);
    if (found !== undefined && found.value !== '') return pythonText(found.value);
    throw this.error(
      keys[0],
      `Missing required config value: ${keys.join(' or ')}`,
      `give it on the command line: ${keys[0]}=...`,
    );
  }
}
