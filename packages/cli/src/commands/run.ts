import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jobDirectoryName, plain, printYaml, resolveRunEnv, trainTree } from '@nemotron-convert/config';
import type { Io } from '../io.js';
import { dryRunView } from '../render/dry-run.js';
import { jsonText } from '../render/json.js';
import { discoverSteps, findStep } from '../steps/registry.js';
import { type CompiledRun, compileRun } from './compile.js';
import { dispatch } from './dispatch.js';
import { readRunRequest } from './run-request.js';

/** Compiles a run, shows it or writes its job directory, and starts it. */
export async function run(words: readonly string[], io: Io): Promise<number> {
  const request = readRunRequest(words);
  const step = findStep(discoverSteps(io.stepsDir), request.stepId);
  const compiled = compileRun(request, step, io);
  const train = trainTree(compiled.job, request.mode === 'local' ? undefined : io.cwd);
  if (request.dryRun) {
    showDryRun(compiled, train, io);
    return 0;
  }
  const jobDirectory = writeJob(compiled, train, io);
  const runEnv = resolveRunEnv(compiled.job, io.env);
  return dispatch({ ...compiled, train, jobDirectory, runEnv }, io);
}

function showDryRun(compiled: CompiledRun, train: CompiledRun['job'], io: Io): void {
  if (compiled.request.json) {
    io.out.write(jsonText({ job: plain(compiled.job), train: plain(train) }));
    return;
  }
  io.out.write(dryRunView(compiled.job, train, io.out.columns));
}

/** `.nemotron/jobs/<time>-<recipe>/{job,train}.yaml` in the working directory. */
function writeJob(compiled: CompiledRun, train: CompiledRun['job'], io: Io): string {
  const name = jobDirectoryName(compiled.recipeName, io.now());
  const directory = join(io.cwd, '.nemotron', 'jobs', name);
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, 'job.yaml'), printYaml(plain(compiled.job)));
  writeFileSync(join(directory, 'train.yaml'), printYaml(plain(train)));
  return directory;
}
