import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { plain, resolveTree, trainTree } from '@nemotron-convert/config';
import {
  compileRun,
  discoverSteps,
  findStep,
  readRunRequest,
  runCommand,
} from '../../../packages/cli/src/index.js';
import { exitCode } from '../../../packages/cli/src/render/error.js';
import type { Case } from '../case.js';
import { errorDifference, thrown } from '../errors.js';
import { difference, ownValue, recordedValue, show } from '../values.js';
import type { Place } from '../world.js';
import { type TestIo, TIMESTAMP, testIo } from './io.js';

/** Runs a command line in this process and compares everything that was recorded of it. */
export async function cli(recorded: Case, place: Place): Promise<string | undefined> {
  const argv = (recorded.argv ?? []).map((word) => place.fill(word));
  const before = new Set(place.files());
  const io = testIo(recorded, place);
  let error: unknown;
  let exit: number;
  try {
    exit = await runCommand(argv, io);
  } catch (caught) {
    error = caught;
    exit = exitCode(caught);
  }
  const expect = place.fillAll(recorded.expect);
  const written = place.files().filter((name) => !before.has(name));
  const partial = recorded.partial === true;
  const checks: (() => string | undefined)[] = [
    () =>
      exit === expect.exit ? undefined : `exit: expected ${expect.exit}, found ${exit} (${String(error)})`,
    () => errorCheck(recorded, error),
    () => jobCheck(argv, recorded, place, partial),
    () => ranCheck(expect.ran, io),
    () => listCheck('written', expect.written, written),
    () => textCheck('job_yaml', expect.job_yaml, io, 'job.yaml', written),
    () => textCheck('train_yaml', expect.train_yaml, io, 'train.yaml', written),
    () => (expect.stdout === undefined ? undefined : stdoutCheck(String(expect.stdout), io.text.out)),
    () => jsonCheck(expect.json, io, partial),
  ];
  for (const check of checks) {
    const found = check();
    if (found !== undefined) return found;
  }
  return undefined;
}

function errorCheck({ expect }: Case, error: unknown): string | undefined {
  if (expect.error === undefined) return error === undefined ? undefined : `unexpected ${String(error)}`;
  // Help, and the code of a child, are results here.
  if (['Help', 'ChildExit'].includes(expect.error.kind)) {
    return error === undefined ? undefined : `unexpected ${String(error)}`;
  }
  const found = errorDifference(expect.error, error);
  if (found !== undefined || expect.error.suggestions === undefined) return found;
  const { suggestions } = (error as { facts: { suggestions?: unknown } }).facts;
  return difference(recordedValue(expect.error.suggestions), ownValue(suggestions), false, 'suggestions');
}

function jobCheck(
  argv: readonly string[],
  recorded: Case,
  place: Place,
  partial: boolean,
): string | undefined {
  const { job, config, config_error: failure } = place.fillAll(recorded.expect);
  if (job === undefined && config === undefined && failure === undefined) return undefined;
  const io = testIo(recorded, place);
  const request = readRunRequest(argv.slice(argv.indexOf('run') + 1));
  const compiled = compileRun(request, findStep(discoverSteps(place.steps), request.stepId), io);
  if (job !== undefined) {
    const found = difference(recordedValue(job), plain(compiled.job), partial, 'job');
    if (found !== undefined) return found;
  }
  const train = trainTree(compiled.job, request.mode === 'local' ? undefined : place.cwd);
  const resolve = () => resolveTree(train, { env: io.env, autoMount: false }).value;
  if (failure !== undefined) return errorDifference(failure as never, thrown(resolve));
  return config === undefined ? undefined : difference(recordedValue(config), resolve(), partial, 'config');
}

/** A child of the Python tool has no counterpart; its words and variables do. */
function ranCheck(ran: unknown, io: TestIo): string | undefined {
  if (ran === undefined) return undefined;
  const children = ran as readonly { argv: readonly string[] | string; shell: boolean; env_added: object }[];
  const shells = children.filter(({ shell, argv }) => shell || argv[0] === 'bash');
  if (shells.length !== io.started.shell.length) return `startup commands: ${show(io.started.shell)}`;
  const steps = children.filter((child) => !shells.includes(child));
  if (steps.length !== io.started.steps.length)
    return `started ${io.started.steps.length} steps, expected ${steps.length}`;
  for (const [index, { argv, env_added: added }] of steps.entries()) {
    const run = io.started.steps[index];
    const words = argv.slice(argv.indexOf('--config') + 2);
    if (show(words) !== show(run?.words)) return `words: expected ${show(words)}, found ${show(run?.words)}`;
    const own = Object.entries(run?.env ?? {}).filter(([name, value]) => io.env[name] !== value);
    const found = difference(
      recordedValue(sorted(added)),
      ownValue(sorted(Object.fromEntries(own))),
      false,
      'env_added',
    );
    if (found !== undefined) return found;
  }
  return undefined;
}

function sorted(value: object): object {
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function listCheck(name: string, expected: unknown, found: readonly string[]): string | undefined {
  if (expected === undefined) return undefined;
  const names = (expected as readonly string[])
    .map((file) => file.replaceAll('{timestamp}', TIMESTAMP))
    .sort();
  return show(names) === show(found) ? undefined : `${name}: expected ${show(names)}, found ${show(found)}`;
}

function textCheck(
  part: string,
  expected: unknown,
  io: TestIo,
  file: string,
  written: readonly string[],
): string | undefined {
  if (expected === undefined) return undefined;
  const path = written.find((name) => name.endsWith(`/${file}`));
  if (path === undefined) return `${part} was not written`;
  const text = readFileSync(join(io.cwd, path), 'utf8');
  return text === expected ? undefined : `${part}: expected\n${String(expected)}\nfound\n${text}`;
}

/** Lines in order; `{text}` stands for a description. Trailing blank lines do not count. */
function stdoutCheck(expected: string, found: string): string | undefined {
  const pattern = expected
    .trimEnd()
    .split('{text}')
    .map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
    .join('[^\\n]+');
  return new RegExp(`^${pattern}\\s*$`).test(found)
    ? undefined
    : `stdout: expected\n${expected}\nfound\n${found}`;
}

function jsonCheck(expected: unknown, io: TestIo, partial: boolean): string | undefined {
  if (expected === undefined) return undefined;
  const found: unknown = JSON.parse(io.text.out);
  // Some listings were recorded by id only.
  const ids = Array.isArray(expected) && expected.every((item) => typeof item === 'string');
  const value = ids ? (found as readonly { id: string }[]).map(({ id }) => id) : found;
  return difference(recordedValue(expected), recordedValue(value), partial, 'json');
}
