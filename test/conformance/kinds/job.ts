import { type MapNode, plain, resolveRunEnv, trainTree } from '@nemotron-convert/config';
import { compileRun, type Manifest } from '../../../packages/cli/src/index.js';
import type { Case } from '../case.js';
import { errorDifference, thrown } from '../errors.js';
import { difference, recordedValue } from '../values.js';
import type { Place } from '../world.js';
import { testIo } from './io.js';

/** A step whose configurations lie in the working directory. */
function demoStep(place: Place): Manifest {
  return {
    id: 'demo',
    name: 'Demo',
    category: 'demo',
    description: '',
    tags: [],
    path: place.cwd,
    consumes: [],
    produces: [],
    parameters: [],
    extensions: [],
    script: `${place.cwd}/step.py`,
    runspec: {
      schema: '1',
      name: 'steps/demo',
      image: null,
      setup: '',
      launch: 'python',
      cmd: null,
      workdir: null,
      configDir: `${place.cwd}/config`,
      defaultConfig: 'default',
      format: 'omegaconf',
      nodes: 1,
      gpusPerNode: 8,
      env: new Map(),
    },
  };
}

export function job(recorded: Case, place: Place): string | undefined {
  const { expect } = recorded;
  const io = testIo(recorded, place);
  const dotlist = (recorded.dotlist ?? []).map((word) => place.fill(word));
  const passthrough = recorded.passthrough ?? [];
  const profile = recorded.run ?? recorded.batch ?? undefined;
  const mode = profile === undefined ? 'local' : recorded.run ? 'run' : 'batch';
  const compile = (): MapNode =>
    compileRun(
      {
        stepId: 'demo',
        config: recorded.config,
        mode,
        profile,
        dryRun: false,
        forceSquash: false,
        json: false,
        quiet: false,
        verbose: false,
        argv: [...dotlist, ...passthrough],
        dotlist,
        passthrough,
      },
      demoStep(place),
      io,
    ).job;
  if (expect.error !== undefined) return errorDifference(expect.error, thrown(compile));
  const compiled = compile();
  const found = difference(recordedValue(place.fillAll(expect.job)), plain(compiled), false, 'job');
  if (found !== undefined) return found;
  const train = plain(trainTree(compiled, mode === 'local' ? undefined : place.cwd));
  const cut = difference(recordedValue(place.fillAll(expect.train)), train, false, 'train');
  if (cut !== undefined) return cut;
  const runEnv = () => resolveRunEnv(compiled, io.env).value;
  if (expect.run_env_error !== undefined)
    return errorDifference(expect.run_env_error as never, thrown(runEnv));
  return difference(recordedValue(place.fillAll(expect.run_env)), runEnv(), false, 'run_env');
}
