import { dumpPythonYaml, isPyMap, type PyMap, type PyValue } from '@nemotron-convert/core';
import { type Core, changed } from '../models/core.js';
import { container as container031 } from '../models/defaults/container-0.3.1.generated.js';
import { container as container070 } from '../models/defaults/container-0.7.0.generated.js';
import type { Fields } from '../models/provider.js';
import type { Target } from '../models/target.js';

const SECTIONS: Readonly<Record<Target, PyMap>> = { '0.3.1': container031, '0.7.0': container070 };
/** No two of them are one object. */
const RECORDED: ReadonlySet<PyValue> = new Set(Object.values(SECTIONS).flatMap((of) => Object.values(of)));

/** Whose run_config.yaml it is. */
export interface Stack {
  readonly target: Target;
  readonly core: Core | null;
}

export interface RunConfigPaths {
  /** The source as the user named it: `model.hf_model_id` and the tokenizer. */
  readonly hfModelId: string;
  /** The checkpoint's root: `checkpoint.save`. */
  readonly save: string;
}

/** run_config.yaml: the recorded sections of the version, the model's provider, and the three paths. */
export function runConfig(
  provider: Fields,
  stack: Stack,
  paths: RunConfigPaths,
  tokenizerKwargs: PyMap,
  trustRemoteCode: boolean,
): string {
  const sections = runConfigTree(provider, stack, paths, tokenizerKwargs, trustRemoteCode);
  return Object.keys(sections)
    .sort()
    .map((name) => textOf(name, sections[name] as PyValue))
    .join('');
}

/** The texts of the recorded sections, which are the same in every file. */
const texts = new WeakMap<PyMap, string>();

/** A section of the file: what the others are does not change it. */
function textOf(name: string, value: PyValue): string {
  const known = isPyMap(value) ? texts.get(value) : undefined;
  if (known !== undefined) return known;
  const text = dumpPythonYaml({ [name]: value }, { sortKeys: true, allowUnicode: false });
  if (isPyMap(value) && RECORDED.has(value)) texts.set(value, text);
  return text;
}

/** The same as a tree. */
export function runConfigTree(
  provider: Fields,
  stack: Stack,
  paths: RunConfigPaths,
  tokenizerKwargs: PyMap,
  trustRemoteCode: boolean,
): PyMap {
  const sections: Record<string, PyValue> = { ...SECTIONS[stack.target] };
  for (const [name, change] of Object.entries(stack.core?.sections ?? {}))
    sections[name] = changed(section(sections, name), change);
  const checkpoint = section(sections, 'checkpoint');
  const tokenizer = section(sections, 'tokenizer');
  sections['checkpoint'] = { ...checkpoint, save: paths.save };
  const kwargs = { ...section(tokenizer, 'hf_tokenizer_kwargs'), ...tokenizerKwargs };
  sections['tokenizer'] = {
    ...tokenizer,
    tokenizer_model: paths.hfModelId,
    hf_tokenizer_kwargs: kwargs,
    ...('trust_remote_code' in tokenizer ? trusted(kwargs, trustRemoteCode) : {}),
  };
  // A class that declares no such field never writes it.
  sections['model'] = 'hf_model_id' in provider ? { ...provider, hf_model_id: paths.hfModelId } : provider;
  return sections;
}

function trusted(kwargs: PyMap, trust: boolean): PyMap {
  return { trust_remote_code: trust, hf_tokenizer_kwargs: { ...kwargs, trust_remote_code: trust } };
}

function section(of: PyMap, name: string): PyMap {
  const value = of[name];
  return isPyMap(value) ? value : {};
}
