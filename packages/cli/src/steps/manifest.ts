import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { type ConfigMap, type ConfigValue, plain, pythonText, readToml } from '@nemotron-convert/config';
import { parseScriptHeader, type Runspec, runspecFromTable } from './runspec.js';
import { listAt, tableAt, tablesAt, textAt } from './toml-values.js';

export interface Artifact {
  readonly type: string;
  readonly required: boolean;
  readonly description: string;
}

export interface Parameter {
  readonly name: string;
  readonly default: ConfigValue;
  readonly description: string;
  readonly choices: readonly ConfigValue[];
  /** How the value is read: text, boolean, size or bytes; manifests of other tools do not say. */
  readonly type: string | undefined;
}

export interface Manifest {
  readonly id: string;
  readonly name: string;
  readonly category: string;
  readonly description: string;
  readonly tags: readonly string[];
  /** The absolute directory of the step. */
  readonly path: string;
  readonly consumes: readonly Artifact[];
  readonly produces: readonly Artifact[];
  readonly parameters: readonly Parameter[];
  /** Parameters beyond those of the Python tool. */
  readonly extensions: readonly Parameter[];
  /** The file that defines how the step runs. */
  readonly script: string;
  readonly runspec: Runspec | undefined;
}

/** Reads a step.toml; what it leaves out follows from the directories. Throws STEP_INVALID. */
export function readManifest(file: string): Manifest {
  const path = resolve(dirname(file));
  const table = plain(readToml({ name: file, text: readFileSync(file, 'utf8'), path: file }, 'STEP_INVALID'));
  const step = tableAt(table, 'step');
  const directory = basename(path);
  const category = textAt(step, 'category') ?? basename(dirname(path));
  return {
    id: textAt(step, 'id') ?? `${basename(dirname(path))}/${directory}`,
    name: textAt(step, 'name') ?? titleCase(directory),
    category,
    description: textAt(step, 'description') ?? textAt(step, 'summary') ?? '',
    tags: listAt(step, 'tags').map((tag) => pythonText(tag)),
    path,
    consumes: tablesAt(table, 'consumes').map(artifact),
    produces: tablesAt(table, 'produces').map(artifact),
    parameters: tablesAt(table, 'parameters').map(parameter),
    extensions: tablesAt(table, 'extensions').map(parameter),
    ...runspecOf(table, path),
  };
}

/** The manifest's own runspec, or that of a script beside it. */
function runspecOf(table: ConfigMap, path: string): Pick<Manifest, 'script' | 'runspec'> {
  const script = join(path, 'step.py');
  if (!table.has('runspec') && existsSync(script)) {
    return { script, runspec: parseScriptHeader(readFileSync(script, 'utf8'), script) };
  }
  const manifest = join(path, 'step.toml');
  const own = table.has('runspec') ? runspecFromTable(tableAt(table, 'runspec'), manifest) : undefined;
  return { script: manifest, runspec: own };
}

function artifact(table: ConfigMap): Artifact {
  const required = table.get('required');
  return {
    type: textAt(table, 'type') ?? '',
    required: typeof required === 'boolean' ? required : true,
    description: textAt(table, 'description') ?? '',
  };
}

function parameter(table: ConfigMap): Parameter {
  return {
    name: textAt(table, 'name') ?? '',
    default: table.get('default') ?? null,
    description: textAt(table, 'description') ?? '',
    choices: listAt(table, 'choices'),
    type: textAt(table, 'type'),
  };
}

/** `my-step_x` is `My Step X`. */
function titleCase(name: string): string {
  return name
    .replaceAll(/[-_]/g, ' ')
    .toLowerCase()
    .replaceAll(
      /(^|[^\p{L}])(\p{L})/gu,
      (_, before: string, letter: string) => before + letter.toUpperCase(),
    );
}
