import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import type { ConvertOptions, ManyReport, Outcome } from '@nemotron-convert/convert';
import { formatBytes } from '@nemotron-convert/core';
import { FLAGS } from '../argv/flags.js';
import { usage } from '../argv/usage.js';
import { parseWords } from '../argv/words.js';
import { readBulkManifest } from '../bulk/manifest.js';
import { interruptible } from '../interrupt.js';
import type { Io } from '../io.js';
import { errorJson } from '../render/error.js';
import { jsonText } from '../render/json.js';
import { columns } from '../render/table.js';
import { discoverSteps, findStep } from '../steps/registry.js';

const COMMAND = 'nemotron bulk';
const STEP = 'convert/hf_to_megatron';
/** V8's compiler takes a processor from the conversions: it is to begin later than for a program that only computes. */
const LATE_COMPILER = '--interrupt-budget=1000000';

/** Converts what a manifest lists. 0 when every checkpoint is there, else the exit code of the first failure. */
export async function bulk(words: readonly string[], io: Io): Promise<number> {
  const { switches, rest } = parseWords(words, { command: COMMAND, flags: FLAGS.bulk });
  const [path, ...dotlist] = rest;
  if (path === undefined) throw usage("Missing argument 'MANIFEST'", COMMAND);
  const wrong = dotlist.find((word) => !word.includes('='));
  if (wrong !== undefined) throw usage(`Got unexpected extra argument (${wrong})`, COMMAND);
  const { cwd, env } = io;
  const step = findStep(discoverSteps(io.stepsDir), STEP);
  const names = [...step.parameters, ...step.extensions].map(({ name }) => name);
  const { conversions, budget, report } = readBulkManifest({
    path,
    dotlist,
    cwd,
    env,
    known: new Set([...names, 'torch_dtype']),
    extensions: step.extensions,
  });
  const json = switches.has('json');
  if (switches.has('dry-run')) {
    io.out.write(json ? jsonText({ conversions, budget }) : `${planned(conversions)}\nnothing written\n`);
    return 0;
  }
  const say = (text: string) => {
    if (!switches.has('quiet')) io.err.write(`${text}\n`);
  };
  let done = 0;
  const onModel = (_: ConvertOptions, outcome: Outcome | null) => {
    if (outcome === null) return;
    done += 1;
    say(`[${done}/${conversions.length}] ${line(outcome).join('  ').trimEnd()}`);
  };
  setFlagsFromString(LATE_COMPILER);
  const { convertMany } = await import('@nemotron-convert/convert');
  const result = await interruptible((signal) => convertMany(conversions, budget, { env, signal, onModel }));
  const facts = reportJson(result);
  if (report !== null) writeFileSync(resolve(cwd, report), jsonText(facts));
  if (json) io.out.write(jsonText(facts));
  else if (!switches.has('quiet')) io.out.write(`${summary(result)}\n`);
  const failed = result.outcomes.find((outcome) => outcome.status === 'failed');
  return failed === undefined ? 0 : failed.error.exit;
}

function planned(conversions: readonly ConvertOptions[]): string {
  const rows = conversions.map(({ hfModelId, megatronPath, dtype = 'bfloat16' }) => [
    hfModelId,
    megatronPath,
    dtype,
  ]);
  return columns([['source', 'output', 'dtype'], ...rows], Number.POSITIVE_INFINITY);
}

function line(outcome: Outcome): readonly string[] {
  const { status, options } = outcome;
  switch (status) {
    case 'converted': {
      const { bytesWritten, seconds } = outcome.report;
      return [status, options.hfModelId, formatBytes(bytesWritten), `${seconds.toFixed(1)} s`];
    }
    case 'present':
      return [status, options.hfModelId, '', ''];
    case 'failed':
      return [status, options.hfModelId, outcome.error.id, outcome.error.message];
  }
}

function summary({ outcomes, converted, present, failed, bytesWritten, seconds }: ManyReport): string {
  const rows = outcomes.map(line);
  const rate = formatBytes(bytesWritten / Math.max(seconds, 1e-9));
  const total = `${converted} converted, ${present} present, ${failed} failed; ${formatBytes(bytesWritten)} in ${seconds.toFixed(1)} s, ${rate}/s`;
  return `${columns([['status', 'source', 'size', 'time'], ...rows], Number.POSITIVE_INFINITY)}\n${total}`;
}

function reportJson({ outcomes, ...totals }: ManyReport) {
  const rows = outcomes.map((outcome) => {
    const { hfModelId: source, megatronPath: output } = outcome.options;
    const base = { status: outcome.status, source, output };
    if (outcome.status === 'converted') return { ...base, report: outcome.report };
    return outcome.status === 'failed' ? { ...base, ...errorJson(outcome.error) } : base;
  });
  return { ...totals, conversions: rows };
}
