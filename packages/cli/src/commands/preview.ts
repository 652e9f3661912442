import { type ConfigMap, printYaml, trainTree } from '@nemotron-convert/config';
import { NemotronError } from '@nemotron-convert/core';
import type { Io } from '../io.js';
import { frame } from '../render/table.js';
import { describeStep } from '../steps/run-step.js';
import type { CompiledRun } from './compile.js';

/** What a local run would do: the parameters of its step, or why the step would stop. */
export type Preview = { readonly step: ConfigMap } | { readonly stops: string } | undefined;

/** A dry run compiles only: a step that would stop is worth a line, not a failure. */
export async function preview(compiled: CompiledRun, io: Io): Promise<Preview> {
  const { request, step, defaultConfig } = compiled;
  const { passthrough: words, json, quiet, verbose } = request;
  const config = trainTree(compiled.job);
  try {
    const run = { id: step.id, config, defaultConfig, words, env: io.env, cwd: io.cwd };
    const parameters = await describeStep({ ...run, json, quiet, verbose }, io);
    return parameters === undefined ? undefined : { step: parameters };
  } catch (error) {
    if (error instanceof NemotronError) return { stops: error.message };
    throw error;
  }
}

export function previewText(shown: Preview, width: number): string {
  if (shown === undefined) return '';
  return 'stops' in shown
    ? `The step would stop: ${shown.stops}\n\n`
    : `${frame('step', printYaml(shown.step), width)}\n\n`;
}
