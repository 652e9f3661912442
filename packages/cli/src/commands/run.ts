import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jobDirectoryName, plain, printYaml, resolveRunEnv, trainTree } from '@nemotron-convert/config';
import { NemotronError } from '@nemotron-convert/core';
import type { Rendering } from '@nemotron-convert/submit';
import type { Io } from '../io.js';
import { dryRunView } from '../render/dry-run.js';
import { jsonText } from '../render/json.js';
import { submissionText } from '../render/submission.js';
import { discoverSteps, findStep } from '../steps/registry.js';
import { type CompiledRun, compileRun } from './compile.js';
import { dispatch, runEnvOf, submission } from './dispatch.js';
import { preview, previewText } from './preview.js';
import { readRunRequest } from './run-request.js';

/** Compiles a run, shows it or writes its job directory, and starts it. */
export async function run(words: readonly string[], io: Io): Promise<number> {
  const request = readRunRequest(words);
  const step = findStep(discoverSteps(io.stepsDir), request.stepId);
  const compiled = compileRun(request, step, io);
  const train = trainTree(compiled.job, request.mode === 'local' ? undefined : io.cwd);
  if (request.dryRun) {
    await showDryRun(compiled, train, io);
    return 0;
  }
  const jobDirectory = writeJob(compiled, train, io);
  const runEnv = runEnvOf(compiled, io.env);
  return dispatch({ ...compiled, train, jobDirectory, runEnv }, io);
}

async function showDryRun(compiled: CompiledRun, train: CompiledRun['job'], io: Io): Promise<void> {
  const isLocal = compiled.request.mode === 'local';
  const sent = isLocal ? undefined : await rendered(compiled, train, io);
  const shown = isLocal ? await preview(compiled, io) : undefined;
  if (compiled.request.json) {
    const { job } = compiled;
    const parts = { job: plain(job), train: plain(train), ...shown };
    io.out.write(jsonText(sent === undefined ? parts : { ...parts, submission: sent }));
    return;
  }
  io.out.write(dryRunView(compiled.job, train, io.out.columns));
  io.out.write(previewText(shown, io.out.columns));
  if (sent !== undefined) io.out.write(submissionText(sent));
}

/** What would be sent to a backend. A dry run compiles only: what cannot be sent yet is a note, not a failure. */
async function rendered(
  compiled: CompiledRun,
  train: CompiledRun['job'],
  io: Io,
): Promise<Rendering | undefined> {
  try {
    const runEnv = resolveRunEnv(compiled.job, io.env);
    const job = submission({ ...compiled, train, jobDirectory: '', runEnv }, io);
    return job === undefined ? undefined : await (await import('../submit.js')).renderSubmission(job, io);
  } catch (error) {
    if (!(error instanceof NemotronError)) throw error;
    io.err.write(`note: it cannot be submitted like this: ${error.message}\n`);
    return undefined;
  }
}

/** `.nemotron/jobs/<time>-<recipe>/{job,train}.yaml` in the working directory. */
function writeJob(compiled: CompiledRun, train: CompiledRun['job'], io: Io): string {
  const name = jobDirectoryName(compiled.recipeName, io.now());
  const directory = join(io.cwd, '.nemotron', 'jobs', name);
  try {
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'job.yaml'), printYaml(plain(compiled.job)));
    writeFileSync(join(directory, 'train.yaml'), printYaml(plain(train)));
  } catch (cause) {
    throw new NemotronError(
      'TARGET_PERMISSION',
      `the job directory cannot be written: ${(cause as Error).message}`,
      {
        facts: { path: directory },
        hint: 'run in a directory that you can write: a run leaves its job.yaml in .nemotron/jobs',
        cause,
      },
    );
  }
  return directory;
}
