import {
  applyDotlist,
  findConfig,
  type LoadedConfig,
  loadConfig,
  loadDotlist,
  loadFile,
} from '@nemotron-convert/config';
import type { Case } from '../case.js';
import { errorDifference, thrown } from '../errors.js';
import { difference, recordedValue } from '../values.js';
import type { Place } from '../world.js';

export function config(recorded: Case, place: Place): string | undefined {
  const { expect } = recorded;
  const env = place.env(recorded);
  const options = {
    cwd: place.cwd,
    env,
    dotlist: (recorded.dotlist ?? []).map((word) => place.fill(word)),
    ...(recorded.config_dir === undefined ? {} : { configDir: place.fill(recorded.config_dir) }),
  };
  const load = (): LoadedConfig =>
    recorded.kind === 'dotlist'
      ? loadDotlist(options.dotlist, env)
      : loadConfig(place.fill(recorded.config ?? ''), options);
  if (expect.error !== undefined && expect.error.stage !== 'resolve') {
    const error = thrown(load);
    const stage = stageOf(recorded, place, options);
    if (stage !== expect.error.stage) return `stage: expected ${expect.error.stage}, found ${stage}`;
    return errorDifference(expect.error, error);
  }
  const loaded = load();
  const raw =
    'raw' in expect
      ? difference(recordedValue(place.fillAll(expect.raw)), loaded.raw, false, 'raw')
      : undefined;
  if (raw !== undefined) return raw;
  if (expect.error !== undefined)
    return errorDifference(
      expect.error,
      thrown(() => loaded.config),
    );
  return difference(recordedValue(place.fillAll(expect.config)), loaded.config, false, 'config');
}

/** Which of the steps that loadConfig takes fails. */
function stageOf(recorded: Case, place: Place, options: Parameters<typeof loadConfig>[1]): string {
  const { configDir, cwd, env = {}, dotlist = [] } = options;
  if (recorded.kind === 'dotlist') return 'dotlist';
  const name = place.fill(recorded.config ?? '');
  if (thrown(() => findConfig(name, { configDir, cwd })) !== undefined) return 'find';
  const path = findConfig(name, { configDir, cwd });
  if (thrown(() => loadFile(path, { cwd, env })) !== undefined) return 'load';
  const tree = loadFile(path, { cwd, env });
  return thrown(() => applyDotlist(tree, dotlist, env)) === undefined ? 'resolve' : 'dotlist';
}

/** One scalar as the value of a key in a file and as an override. */
export function scalar(recorded: Case, place: Place): string | undefined {
  const text = recorded.text ?? '';
  const readers: Readonly<Record<string, () => LoadedConfig>> = {
    yaml: () => loadText(`v: ${text}\n`, place),
    dotlist: () => loadDotlist([`v=${text}`]),
  };
  for (const [name, read] of Object.entries(readers)) {
    const failure = recorded.expect[`${name}_error`];
    const found =
      failure === undefined
        ? difference(recordedValue({ v: recorded.expect[name] }), read().raw, false, name)
        : errorDifference(failure as never, thrown(read));
    if (found !== undefined) return found;
  }
  return undefined;
}

function loadText(text: string, place: Place): LoadedConfig {
  place.write('scalar.yaml', text);
  return loadConfig('./scalar.yaml', { cwd: place.cwd });
}
