import { pythonText } from '@nemotron-convert/config';
import { TARGET_DTYPES, type TargetDtype } from '@nemotron-convert/core';
import type { Settings } from './settings.js';

/** `dtype` and `torch_dtype` are one parameter: the one on the command line wins, otherwise `dtype`. */
export function readDtype(settings: Settings): TargetDtype | undefined {
  const given = ['dtype', 'torch_dtype'].filter(
    (key) => settings.get(key) !== null && settings.get(key) !== '',
  );
  const key = given.find((name) => settings.isOverride(name)) ?? given[0];
  if (key === undefined) return undefined;
  const text = pythonText(settings.get(key));
  const found = TARGET_DTYPES.find((name) => name === text);
  if (found !== undefined) return found;
  const choices = TARGET_DTYPES.join(', ');
  throw settings.error(
    key,
    `Unsupported torch dtype '${text}'; choose one of ${choices}`,
    `use ${key}=bfloat16`,
  );
}
