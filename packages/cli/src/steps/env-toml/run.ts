import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import {
  type ConfigMap,
  type ConfigValue,
  type MapNode,
  plain,
  pythonText,
  RESERVED_SECTIONS,
  readToml,
} from '@nemotron-convert/config';
import { NemotronError } from '@nemotron-convert/core';
import type { Io, StepRun } from '../../io.js';
import { asBoolean } from '../truth.js';
import { tomlText } from './toml-text.js';

/** Writes a file of profiles from a template. Interpolations are written as they are. Throws CONFIG_VALUE. */
export async function runEnvToml(tree: MapNode, { cwd }: StepRun, io: Io): Promise<number> {
  const config = plain(tree);
  const sections = sectionsOf(config.get('sections'));
  const checks = mapOf(config.get('checks'));
  checkProfiles(sections, checks);
  const name = pythonText(config.get('output_path') ?? 'env.toml');
  const path = resolve(cwd, name);
  if (existsSync(path) && !asBoolean(config.get('force') ?? false)) {
    throw new NemotronError('CONFIG_VALUE', `${name} already exists`, {
      facts: { kind: 'FileExistsError', path },
      hint: 'replace it with force=true, or choose another output_path',
    });
  }
  const preamble = config.get('preamble') ?? '';
  const text = tomlText(typeof preamble === 'string' ? preamble : '', sections);
  readBack(text, name);
  for (const warning of nodeWarnings(sections, checks)) io.err.write(`warning: ${warning}\n`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  const profiles = [...sections.keys()].filter((key) => !RESERVED_SECTIONS.some((each) => each === key));
  io.out.write(`Wrote ${name} with ${profiles.length} profile section(s)\n`);
  return 0;
}

function sectionsOf(value: ConfigValue | undefined): Map<string, ConfigMap> {
  if (!(value instanceof Map) || value.size === 0) {
    throw invalid('`sections` must be a non-empty mapping of env profile sections');
  }
  return new Map(
    [...value].map(([key, section]) => {
      if (section instanceof Map) return [String(key), section];
      throw invalid(`Section '${String(key)}' must be a mapping`, 'TypeError');
    }),
  );
}

function checkProfiles(sections: ReadonlyMap<string, ConfigMap>, checks: ConfigMap): void {
  for (const [name, section] of sections) {
    const parent = section.get('extends') ?? null;
    if (parent !== null && !sections.has(pythonText(parent))) {
      throw invalid(`Profile '${name}' extends missing profile '${pythonText(parent)}'`);
    }
  }
  const required = checks.get('required_profiles');
  const missing = (Array.isArray(required) ? required : [])
    .map((name) => pythonText(name))
    .filter((name) => !sections.has(name));
  if (missing.length > 0) throw invalid(`Missing required profile(s): ${missing.join(', ')}`);
}

function nodeWarnings(sections: ReadonlyMap<string, ConfigMap>, checks: ConfigMap): string[] {
  return [...mapOf(checks.get('recommended_min_nodes'))].flatMap(([name, least]) => {
    const nodes = sections.get(String(name))?.get('nodes');
    if (typeof nodes !== 'bigint' || typeof least !== 'bigint' || nodes >= least) return [];
    return [`profile '${String(name)}' has ${nodes} node(s); at least ${least} are recommended`];
  });
}

/** What is written must be read back: a key with a space, for one, is no TOML. */
function readBack(text: string, name: string): void {
  try {
    readToml({ name, text }, 'CONFIG_VALUE');
  } catch (cause) {
    if (!(cause instanceof NemotronError)) throw cause;
    throw new NemotronError('CONFIG_VALUE', cause.message, {
      facts: { ...cause.facts, kind: 'TOMLDecodeError' },
      hint: 'use keys of letters, digits, dashes and underscores',
      cause,
    });
  }
}

function mapOf(value: ConfigValue | undefined): ConfigMap {
  return value instanceof Map ? value : new Map();
}

function invalid(message: string, kind = 'ValueError'): NemotronError {
  return new NemotronError('CONFIG_VALUE', message, { facts: { kind, option: 'sections' } });
}
