import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadFile, plain, readProfile, readProfiles, readToml, resolveTree } from '@nemotron-convert/config';
import { runCommand } from '../../packages/cli/src/index.js';
import { exitCode } from '../../packages/cli/src/render/error.js';
import { runStep } from '../../packages/cli/src/steps/run-step.js';
import type { Case } from '../conformance/case.js';
import { errorDifference } from '../conformance/errors.js';
import { testIo } from '../conformance/kinds/io.js';
import { difference, ownValue, recordedValue } from '../conformance/values.js';
import type { Place } from '../conformance/world.js';
import { submission } from './submit-kind.js';

interface TomlCase extends Case {
  readonly keep?: readonly string[];
  readonly text_of?: readonly string[];
  readonly backend?: string;
}
type Tables = Readonly<Record<string, readonly string[]>>;

/** Profiles of steps that this tool does not have are not in its templates. */
const ABSENT = /_(prep|curator|byob|sdg|translate|curate|pretrain|sft|peft|rl|optimize|eval)(_|$)/;

/** Runs the generator's words in the directory of a case. */
export async function envToml(recorded: TomlCase, place: Place): Promise<string | undefined> {
  const io = testIo(recorded, place);
  const words = (recorded.argv ?? []).map((word) => place.fill(word));
  const defaultConfig = join(place.steps, 'env/env_toml/lepton.yaml');
  const config = loadFile(defaultConfig, { cwd: place.cwd, env: io.env });
  if (config.kind !== 'map') return 'the template is no map';
  let error: unknown;
  let exit = 0;
  try {
    const run = { id: 'env/env_toml', config, defaultConfig, words, env: io.env, cwd: place.cwd };
    exit = await runStep({ ...run, json: false, quiet: false, verbose: false }, io);
  } catch (caught) {
    error = caught;
    exit = exitCode(caught);
  }
  const { expect } = recorded;
  if (exit !== expect.exit) return `exit: expected ${expect.exit}, found ${exit} (${String(error)})`;
  if (expect.error !== undefined) return errorDifference(expect.error, error);
  for (const [file, names] of Object.entries((expect['tables'] ?? {}) as Tables)) {
    const path = join(place.cwd, file);
    if (!existsSync(path)) return `${file} was not written`;
    const text = readFileSync(path, 'utf8');
    const found = plain(readToml({ name: file, text }, 'CONFIG_VALUE'));
    const expected = names.filter((name) => !ABSENT.test(name));
    if (expected.join() !== [...found.keys()].join()) return `tables: ${[...found.keys()].join()}`;
    const sections =
      (expect['sections'] as Record<string, Record<string, unknown>> | undefined)?.[file] ?? {};
    const differing = difference(recordedValue(sections), found, true, 'sections');
    if (differing !== undefined) return differing;
    const part = (expect['text'] as Record<string, string> | undefined)?.[file];
    if (part !== undefined && text !== part) return `text: expected\n${part}\nfound\n${text}`;
    const count = names.filter((name) => name !== 'wandb').length - (names.length - expected.length);
    if (!io.text.out.includes(`Wrote ${file} with ${count} profile section(s)`))
      return `stdout: ${io.text.out}`;
  }
  return undefined;
}

/** env.toml from the shipped template. */
async function writeTemplate(recorded: TomlCase, place: Place): Promise<void> {
  const argv = ['steps', 'run', 'env/env_toml', '-c', recorded.backend ?? '', 'output_path=env.toml'];
  const io = testIo(recorded, place);
  await runCommand(argv, { ...io, runStep });
}

export async function templateProfile(recorded: TomlCase, place: Place): Promise<string | undefined> {
  await writeTemplate(recorded, place);
  const env = place.env(recorded);
  const profile = readProfile(readProfiles(place.cwd, env), recorded.profile ?? '', env);
  return (
    difference(recordedValue(recorded.expect['raw']), profile.raw, false, 'raw') ??
    difference(
      recordedValue(recorded.expect['config']),
      ownValue(resolveTree(profile.tree, { env }).value),
      false,
      'config',
    )
  );
}

export async function templateSubmit(recorded: TomlCase, place: Place): Promise<string | undefined> {
  await writeTemplate(recorded, place);
  const found = await submission(recorded, place);
  writeFileSync(join(place.root, 'done'), '');
  return found;
}
