import { readFileSync, statSync } from 'node:fs';
import {
  type ConfigMap,
  type ConfigValue,
  fillRunValues,
  isArtifactReference,
  isSensitive,
  type MapNode,
  mapTexts,
  nodeFrom,
  plain,
  rewriteForRemote,
} from '@nemotron-convert/config';
import { NemotronError } from '@nemotron-convert/core';
import {
  asBoolean,
  discoverSteps,
  parseScriptHeader,
  sortLateWords,
  wordValue,
} from '../../../packages/cli/src/index.js';
import { stepJson } from '../../../packages/cli/src/render/step-json.js';
import type { Case } from '../case.js';
import { errorDifference, thrown } from '../errors.js';
import { difference, ownValue, recordedValue } from '../values.js';
import type { Place } from '../world.js';

type Call = (args: readonly ConfigValue[], place: Place) => unknown;

/** The recorded functions of plain data and their counterparts. */
const CALLS: Readonly<Record<string, Call>> = {
  as_bool: ([value = null]) => asBoolean(value),
  discover_steps: ([directory]) => discoverSteps(String(directory)).map(stepJson),
  is_artifact_reference: ([text]) => isArtifactReference(String(text)),
  is_sensitive: ([name]) => isSensitive(String(name)),
  override_value: ([text]) => wordValue(String(text)),
  parse_runspec: ([file], place) => runspec(String(file), place),
  resolve_run_interpolations: ([value = null, run]) =>
    mapped(value, (text) => fillRunValues(text, run as ConfigMap)),
  rewrite_paths_for_remote: ([value = null, cwd]) =>
    mapped(value, (text) => rewriteForRemote(text, String(cwd))),
  split_unknown_args: ([words]) => split(words as string[]),
};

export function call(recorded: Case, place: Place): string | undefined {
  const run = CALLS[recorded.call ?? ''];
  if (run === undefined) return `no counterpart of ${recorded.call}`;
  const args = (recorded.args ?? []).map((arg) => recordedValue(place.fillAll(arg)));
  const expect = place.fillAll(recorded.expect);
  if (expect.error !== undefined)
    return errorDifference(
      expect.error,
      thrown(() => run(args, place)),
    );
  return difference(recordedValue(expect.value), ownValue(run(args, place)), false);
}

function mapped(value: ConfigValue, replace: (text: string) => ConfigValue): ConfigValue {
  return plain(mapTexts(nodeFrom(value) as MapNode, replace));
}

function split(words: readonly string[]) {
  const late = sortLateWords(words);
  return {
    dotlist: late.dotlist,
    passthrough: late.passthrough,
    config: late.config ?? null,
    run: late.run ?? null,
    batch: late.batch ?? null,
    dry_run: late.dryRun,
    stage: late.stage,
    force_squash: late.forceSquash,
    mode: late.mode,
    profile: late.profile ?? null,
  };
}

function runspec(file: string, place: Place) {
  const shipped = discoverSteps(place.steps).find(({ script }) => script === file)?.runspec;
  if (shipped === undefined && statSync(file, { throwIfNoEntry: false }) === undefined) {
    throw new NemotronError('STEP_INVALID', `Script not found: ${file}`, {
      facts: { kind: 'FileNotFoundError' },
    });
  }
  const found = shipped ?? parseScriptHeader(readFileSync(file, 'utf8'), file);
  return {
    schema: found.schema,
    name: found.name,
    image: found.image,
    setup: found.setup,
    launch: found.launch,
    cmd: found.cmd,
    workdir: found.workdir,
    config_dir: found.configDir,
    default: found.defaultConfig,
    format: found.format,
    nodes: BigInt(found.nodes),
    gpus_per_node: BigInt(found.gpusPerNode),
    env: found.env,
  };
}
