import {
  isPyMap,
  JsonSyntaxError,
  NemotronError,
  type PyMap,
  type PyValue,
  parsePythonJson,
} from '@nemotron-convert/core';
import { readText } from '../source/files.js';
import { ModulePatterns, type TargetRule } from './targets.js';

/** What adapter_config.json says of a LoRA adapter. */
export interface LoraConfig {
  readonly path: string;
  readonly targets: TargetRule;
  /** Names of parameters that are no modules, the innermost wrapper's first. */
  readonly targetParameters: readonly string[];
  readonly fanInFanOut: boolean;
  readonly dora: boolean;
  /** The rank of a module, by its name in the model. */
  readonly rank: (module: string) => number;
  /** What the product of the factors is multiplied with. */
  readonly scale: (module: string) => number;
}

/** Variants of LoRA whose merge is another computation, or that have none. */
const VARIANTS = [
  'alora_invocation_tokens',
  'arrow_config',
  'kasa_config',
  'layer_replication',
  'monteclora_config',
  'trainable_token_indices',
  'use_bdlora',
  'use_qalora',
  'velora_config',
];

/** Initialisations that change the base weights before training: the adapter alone does not tell how. */
const CHANGES_BASE = /^(pissa|olora|corda|loftq|lora_ga|mica)/i;

/** Reads adapter_config.json. Throws ADAPTER_CONFIG_INVALID, ADAPTER_UNSUPPORTED. */
export async function readLoraConfig(path: string): Promise<LoraConfig> {
  const values = parse(path, await readText(path));
  const type = values['peft_type'] ?? 'LORA';
  if (type !== 'LORA') throw unsupported(path, 'peft_type', type);
  for (const key of VARIANTS) if (isSet(values[key])) throw unsupported(path, key, values[key] ?? null);
  const init = values['init_lora_weights'];
  if (typeof init === 'string' && CHANGES_BASE.test(init)) {
    throw unsupported(
      path,
      'init_lora_weights',
      init,
      'save the adapter with path_initial_model_for_weight_conversion, which turns it into one of the original base',
    );
  }
  const rank = pattern(path, values, 'rank_pattern', positive(path, values, 'r', 8n));
  const alpha = pattern(path, values, 'alpha_pattern', number(path, values, 'lora_alpha', 8n));
  const rslora = values['use_rslora'] === true;
  return {
    path,
    targets: {
      modules: names(path, values, 'target_modules'),
      excluded: names(path, values, 'exclude_modules'),
      saved: list(path, values, 'modules_to_save'),
      layers: layers(path, values),
      layersPattern: list(path, values, 'layers_pattern'),
    },
    targetParameters: list(path, values, 'target_parameters'),
    fanInFanOut: values['fan_in_fan_out'] === true,
    dora: values['use_dora'] === true,
    rank,
    scale: (module) => alpha(module) / (rslora ? Math.sqrt(rank(module)) : rank(module)),
  };
}

function parse(path: string, text: string): PyMap {
  try {
    const values = parsePythonJson(text);
    if (isPyMap(values)) return values;
  } catch (cause) {
    if (!(cause instanceof JsonSyntaxError)) throw cause;
    fail(path, cause.message);
  }
  return fail(path, 'expected a JSON object');
}

function fail(path: string, found: string): never {
  throw new NemotronError('ADAPTER_CONFIG_INVALID', `${path}: ${found}`, { facts: { path } });
}

function unsupported(path: string, key: string, value: PyValue, hint?: string): NemotronError {
  const shown = isPyMap(value) || Array.isArray(value) ? 'set' : String(value);
  return new NemotronError('ADAPTER_UNSUPPORTED', `${path}: ${key} is ${shown}`, {
    facts: { path, key, found: shown },
    ...(hint === undefined ? {} : { hint }),
  });
}

function isSet(value: PyValue | undefined): boolean {
  return (
    value !== undefined && value !== null && value !== false && !(Array.isArray(value) && value.length === 0)
  );
}

function number(path: string, values: PyMap, key: string, fallback: bigint): number {
  const value = values[key] ?? fallback;
  if (typeof value === 'bigint' || typeof value === 'number') return Number(value);
  return fail(path, `${key} must be a number`);
}

function positive(path: string, values: PyMap, key: string, fallback: bigint): number {
  const value = number(path, values, key, fallback);
  return Number.isSafeInteger(value) && value > 0 ? value : fail(path, `${key} must be a positive integer`);
}

function list(path: string, values: PyMap, key: string): string[] {
  const value = values[key] ?? [];
  const all = Array.isArray(value) ? value : [value];
  return all.every((name) => typeof name === 'string') ? all : fail(path, `${key} must be a list of names`);
}

/** A list of names, or one regular expression. */
function names(path: string, values: PyMap, key: string): readonly string[] | string {
  const value = values[key] ?? [];
  return typeof value === 'string' ? value : list(path, values, key);
}

function layers(path: string, values: PyMap): readonly number[] | null {
  const value = values['layers_to_transform'] ?? null;
  if (value === null) return null;
  const all: readonly PyValue[] = Array.isArray(value) ? value : [value];
  if (!all.every((layer) => typeof layer === 'bigint'))
    return fail(path, 'layers_to_transform must be integers');
  return all.map(Number);
}

/** The value of the first pattern that a module's name matches, else the common one. */
function pattern(path: string, values: PyMap, key: string, common: number): (module: string) => number {
  const map = values[key] ?? {};
  if (!isPyMap(map)) return fail(path, `${key} must be a map`);
  const known = new ModulePatterns(
    Object.entries(map).map(([name, value]) => {
      if (typeof value !== 'bigint' && typeof value !== 'number')
        fail(path, `${key}.${name} must be a number`);
      return [name, Number(value)] as const;
    }),
    (name) => fail(path, `${key}.${name} is no regular expression`),
  );
  return (module) => known.find(module) ?? common;
}
