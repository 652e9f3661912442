import { dirname, isAbsolute } from 'node:path';
import {
  type ConfigMap,
  type ConfigValue,
  type Environment,
  loadConfig,
  pythonText,
} from '@nemotron-convert/config';
import type { Budget, ConvertOptions } from '@nemotron-convert/convert';
import { NemotronError } from '@nemotron-convert/core';
import { globSync, isDynamicPattern } from 'tinyglobby';
import { readBytes, readCount } from '../steps/extensions.js';
import { readOptions } from '../steps/hf-to-megatron/options.js';
import type { Parameter } from '../steps/manifest.js';
import { Settings } from '../steps/settings.js';
import { fillTemplate } from './template.js';

/** A manifest of conversions, checked; paths are relative to the working directory. */
export interface BulkManifest {
  readonly conversions: readonly ConvertOptions[];
  readonly budget: Budget;
  /** Where the JSON report goes. */
  readonly report: string | null;
}

export interface ManifestOptions {
  readonly path: string;
  /** Overrides of the manifest, such as `options.dtype=float16`. */
  readonly dotlist: readonly string[];
  readonly cwd: string;
  readonly env: Environment;
  /** Parameters of the conversion step, by name. */
  readonly known: ReadonlySet<string>;
  readonly extensions: readonly Parameter[];
}

/** A manifest has no shipped default: whatever it says was chosen. */
const NO_DEFAULTS = '';
const SECTIONS = ['budget', 'models', 'options', 'report'];
const BUDGET = ['concurrent', 'disk', 'memory', 'threads'] as const;

/** Reads a manifest, YAML as every configuration. Throws CONFIG_* and, for what does not fit, CONFIG_VALUE. */
export function readBulkManifest(options: ManifestOptions): BulkManifest {
  const { path, dotlist, cwd, env } = options;
  const { config, origins } = loadConfig(path, { dotlist, cwd, env });
  const root = asMap(config, path);
  const settings = new Settings(root, origins, NO_DEFAULTS);
  for (const key of root.keys()) {
    if (!SECTIONS.includes(String(key))) {
      throw settings.error(String(key), `${key} is no section of a manifest`, `use ${SECTIONS.join(', ')}`);
    }
  }
  const models = settings.get('models');
  if (!Array.isArray(models) || models.length === 0) {
    throw settings.error('models', 'models must be a list of at least one model', EXAMPLE);
  }
  const common = root.has('options') ? asMap(settings.get('options'), 'options') : new Map();
  const conversions = models.flatMap((model, at) => {
    const key = `models[${at}]`;
    const own = typeof model === 'string' ? new Map([['source', model as ConfigValue]]) : asMap(model, key);
    const values: ConfigMap = new Map<string, ConfigValue>(
      [...common, ...own].map(([k, v]) => [String(k), v]),
    );
    const places = new Map([...below(origins, 'options'), ...below(origins, key)]);
    return expand(new Settings(values, places, NO_DEFAULTS), key, options);
  });
  const report = settings.get('report');
  return { conversions, budget: readBudget(settings), report: report === null ? null : pythonText(report) };
}

/** The origins of a section, by the keys in it. */
function below(origins: Settings['origins'], section: string) {
  const prefix = `${section}.`;
  return [...origins]
    .filter(([key]) => key.startsWith(prefix))
    .map(([key, origin]) => [key.slice(prefix.length), origin] as const);
}

const EXAMPLE = 'models: [{source: /models/*, output: "/checkpoints/{name}"}]';

/** One entry: every source that its pattern finds. */
function expand(entry: Settings, key: string, options: ManifestOptions): ConvertOptions[] {
  const { cwd, env, known, extensions } = options;
  // Before what is missing: it may be there under a name that is not quite right.
  const unknown = [...entry.values.keys()].find(
    (name) => name !== 'source' && name !== 'output' && !known.has(String(name)),
  );
  if (unknown !== undefined) {
    throw entry.error(String(unknown), `${key}: ${unknown} is no parameter of a conversion`);
  }
  const pattern = entry.required(['source']);
  const output = entry.required(['output']);
  const sources = isDynamicPattern(pattern) ? findModels(pattern, cwd) : [pattern];
  if (sources.length === 0) {
    throw entry.error(
      'source',
      `${key}: no directory with a config.json matches ${pattern}`,
      'correct the pattern, or leave it out',
    );
  }
  return sources.map((source) => {
    const values = new Map([...entry.values].filter(([name]) => name !== 'source' && name !== 'output'));
    values.set('hf_model_id', source);
    values.set('megatron_path', fillTemplate(output, source));
    return readOptions(new Settings(values, entry.origins, entry.defaultConfig), extensions, env).options;
  });
}

/** The directories with a config.json that match, in the order of their names. */
function findModels(pattern: string, cwd: string): string[] {
  const configs = globSync(`${pattern.replace(/\/+$/, '')}/config.json`, {
    cwd,
    absolute: isAbsolute(pattern),
    expandDirectories: false,
  });
  return configs.map((path) => dirname(path)).sort();
}

function readBudget(settings: Settings): Budget {
  if (settings.get('budget') === null) return {};
  const values = asMap(settings.get('budget'), 'budget');
  const budget = new Settings(values, new Map(below(settings.origins, 'budget')), settings.defaultConfig);
  for (const key of budget.values.keys()) {
    if (!BUDGET.some((name) => name === key)) {
      throw budget.error(String(key), `budget has no ${key}`, `use ${BUDGET.join(', ')}`);
    }
  }
  const given = BUDGET.filter((name) => budget.get(name) !== null);
  return Object.fromEntries(
    given.map((name) => [
      name,
      name === 'memory' || name === 'disk' ? readBytes(budget, { name }) : readCount(budget, { name }),
    ]),
  );
}

function asMap(value: ConfigValue, name: string): ConfigMap {
  if (value instanceof Map) return value;
  throw new NemotronError('CONFIG_VALUE', `${name} must be a map`, {
    facts: { kind: 'TypeError', option: name },
  });
}
