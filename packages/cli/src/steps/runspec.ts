import { dirname, resolve } from 'node:path';
import { type ConfigMap, plain, pythonText, readToml } from '@nemotron-convert/config';
import { NemotronError } from '@nemotron-convert/core';
import { numberAt, tableAt, textAt } from './toml-values.js';

/** How a step is started: the `[runspec]` table of its manifest, or the comment header of its script. */
export interface Runspec {
  readonly schema: string;
  readonly name: string | null;
  readonly image: string | null;
  readonly setup: string;
  readonly launch: string;
  readonly cmd: string | null;
  readonly workdir: string | null;
  /** The absolute directory of the configurations. */
  readonly configDir: string;
  readonly defaultConfig: string;
  readonly format: string;
  readonly nodes: number;
  readonly gpusPerNode: number;
  readonly env: ReadonlyMap<string, string>;
}

const HEADER = /^# \/\/\/ script[ \t]*$\n((?:^#.*$\n)*?)^# \/\/\/[ \t]*$/m;

/** Reads the header of a Python step: a comment block of TOML with a [tool.runspec] table. Throws STEP_INVALID. */
export function parseScriptHeader(source: string, file: string): Runspec {
  const [, block] = HEADER.exec(source) ?? [];
  if (block === undefined) throw invalid(`No PEP 723 metadata block found in ${file}`);
  const text = block.replaceAll(/^# ?/gm, '');
  const table = tableAt(tableAt(plain(readToml({ name: file, text }, 'STEP_INVALID')), 'tool'), 'runspec');
  if (table.size === 0 && !/^\[tool\.runspec[\].]/m.test(text)) {
    throw invalid(`No [tool.runspec] section found in ${file}`);
  }
  return runspecFromTable(table, file);
}

/** Fills the defaults of a runspec table; directories are relative to the file that it stands in. */
export function runspecFromTable(table: ConfigMap, file: string): Runspec {
  const run = tableAt(table, 'run');
  const config = tableAt(table, 'config');
  const resources = tableAt(table, 'resources');
  return {
    schema: textAt(table, 'schema') ?? '1',
    name: textAt(table, 'name') ?? null,
    image: textAt(table, 'image') ?? null,
    setup: (textAt(table, 'setup') ?? '').trim(),
    launch: textAt(run, 'launch') ?? 'torchrun',
    cmd: textAt(run, 'cmd') ?? null,
    workdir: textAt(run, 'workdir') ?? null,
    configDir: resolve(dirname(file), textAt(config, 'dir') ?? './config'),
    defaultConfig: textAt(config, 'default') ?? 'default',
    format: textAt(config, 'format') ?? 'omegaconf',
    nodes: numberAt(resources, 'nodes') ?? 1,
    gpusPerNode: numberAt(resources, 'gpus_per_node') ?? 8,
    env: new Map([...tableAt(table, 'env')].map(([key, value]) => [String(key), pythonText(value)])),
  };
}

function invalid(message: string): NemotronError {
  return new NemotronError('STEP_INVALID', message, { facts: { kind: 'ValueError' } });
}
