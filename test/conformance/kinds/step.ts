import { join } from 'node:path';
import {
  type Manifest,
  parseStepWords,
  readExportOptions,
  readManifest,
  readOptions,
  stepSettings,
} from '../../../packages/cli/src/index.js';
import type { Case } from '../case.js';
import { errorDifference } from '../errors.js';
import { difference, recordedValue, show } from '../values.js';
import type { Place } from '../world.js';
import { mergeStep, type RecordedMerge } from './merge-step.js';

/** The configuration that a step works with. */
export function stepConfig(recorded: Case, place: Place): Promise<string | undefined> {
  return attempt(recorded, () => {
    const settings = settingsOf(recorded, place);
    return difference(recordedValue(place.fillAll(recorded.expect.config)), settings.values, false, 'config');
  });
}

interface Read {
  readonly options: Readonly<Record<string, unknown>>;
  readonly idle: number | null;
}

type Reader = (
  settings: ReturnType<typeof settingsOf>,
  extensions: Manifest['extensions'],
  env: Readonly<Record<string, string>>,
) => Read;

const READERS: Readonly<Record<string, Reader>> = {
  'convert/hf_to_megatron': (...given) => readOptions(...given) as never,
  'convert/megatron_to_hf': (...given) => {
    const { options, showProgress, idle } = readExportOptions(...given);
    return { options: { ...options, showProgress }, idle };
  },
};

/** The parameters that the recorded script handed to its converter or library call. */
export function step(recorded: Case, place: Place): Promise<string | undefined> {
  const read = READERS[recorded.step ?? ''];
  const manifest = readManifest(join(place.steps, recorded.step ?? '', 'step.toml'));
  return attempt(recorded, () => {
    const words = (recorded.argv ?? []).map((word) => place.fill(word));
    if (parseStepWords(words, 'step').help) return recorded.expect.exit === 0 ? undefined : 'help';
    if (manifest.id === 'convert/merge_lora') {
      const expected = place.fillAll(recorded.expect) as RecordedMerge;
      return mergeStep(manifest, settingsOf(recorded, place), expected);
    }
    if (read === undefined) return `no reader of ${recorded.step}`;
    const found = read(settingsOf(recorded, place), manifest.extensions, place.env(recorded));
    const expect = place.fillAll(recorded.expect);
    const { exec, calls } = expect as {
      exec?: { argv: string[] };
      calls?: { args?: unknown[]; kwargs: Record<string, unknown> }[];
    };
    if (exec !== undefined) return converterWords(exec.argv, found.options);
    if (calls !== undefined) return callArguments(Object.assign({}, ...calls.map(named)), found.options);
    return found.idle === null ? 'expected an idle rank' : undefined;
  });
}

/** A call's arguments by name; the one that is given by position is the model. */
function named({ args = [], kwargs }: { args?: unknown[]; kwargs: Record<string, unknown> }) {
  return { ...(args.length === 0 ? {} : { hf_model_id: args[0] }), ...kwargs };
}

async function attempt(
  recorded: Case,
  work: () => string | undefined | Promise<string | undefined>,
): Promise<string | undefined> {
  const { error } = recorded.expect;
  try {
    const found = await work();
    return error === undefined ? found : `expected ${error.kind}: ${error.message}`;
  } catch (caught) {
    return error === undefined ? `unexpected ${String(caught)}` : errorDifference(error, caught);
  }
}

function settingsOf(recorded: Case, place: Place) {
  const { config, rest } = parseStepWords(
    (recorded.argv ?? []).map((word) => place.fill(word)),
    'step',
  );
  const defaultConfig = join(place.steps, recorded.step ?? 'convert/hf_to_megatron', 'default.yaml');
  return stepSettings(config ?? defaultConfig, rest, {
    cwd: place.cwd,
    env: place.env(recorded),
    defaultConfig,
  });
}

/** The converter's words and the options that carry the same. */
const WORDS: Readonly<Record<string, string>> = {
  '--hf-model': 'hfModelId',
  '--hf-path': 'hfPath',
  '--megatron-path': 'megatronPath',
  '--tp': 'tp',
  '--pp': 'pp',
  '--ep': 'ep',
  '--etp': 'etp',
  '--torch-dtype': 'dtype',
};

/** Switches, by the word that says them or their opposite. */
const SWITCHES = [
  ['trustRemoteCode', '--trust-remote-code', true],
  ['showProgress', '--no-progress', false],
  ['strict', '--not-strict', false],
] as const;

/** What a conversion does where an option is absent; an export then takes the dtypes that are there. */
const DEFAULTS: Readonly<Record<string, string>> = { dtype: 'bfloat16' };

function converterWords(
  argv: readonly string[],
  options: Readonly<Record<string, unknown>>,
): string | undefined {
  for (const [word, option] of Object.entries(WORDS)) {
    const at = argv.indexOf(word);
    if (at === -1) continue;
    if (argv[at + 1] !== String(options[option] ?? DEFAULTS[option])) {
      return `${word}: expected ${show(argv[at + 1])}, found ${show(options[option])}`;
    }
  }
  for (const [option, word, present] of SWITCHES) {
    if (options[option] !== undefined && options[option] !== (argv.includes(word) === present)) return option;
  }
  return undefined;
}

const ARGUMENTS: Readonly<Record<string, string>> = {
  hf_path: 'hfPath',
  hf_model_id: 'hfModelId',
  megatron_path: 'megatronPath',
  torch_dtype: 'dtype',
  device_map: 'deviceMap',
  show_progress: 'showProgress',
  strict: 'strict',
  trust_remote_code: 'trustRemoteCode',
};

function callArguments(
  kwargs: Readonly<Record<string, unknown>>,
  options: Readonly<Record<string, unknown>>,
) {
  for (const [name, option] of Object.entries(ARGUMENTS)) {
    const value = kwargs[name];
    const expected = typeof value === 'object' && value !== null ? Object.values(value)[0] : value;
    if (show(expected) !== show(options[option]))
      return `${name}: expected ${show(expected)}, found ${show(options[option])}`;
  }
  return undefined;
}
