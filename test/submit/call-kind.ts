import { nodeFrom, resolveTree } from '@nemotron-convert/config';
import { podCloneCommands, sallocWords, squashName } from '../../packages/submit/src/index.js';
import { ProfileValues } from '../../packages/submit/src/profile.js';
import { afterStartup } from '../../packages/submit/src/startup.js';
import type { Case } from '../conformance/case.js';
import { errorDifference, thrown } from '../conformance/errors.js';
import { difference, ownValue, recordedValue } from '../conformance/values.js';

type Call = (args: readonly unknown[]) => unknown;

/** The recorded functions of plain data and their counterparts. */
const CALLS: Readonly<Record<string, Call>> = {
  git_mount_commands: (args) => {
    const mounts = args.flatMap((each) => mountsOf(each as readonly string[]));
    return {
      mounts: Object.fromEntries(
        mounts.map(({ name, url, ref, target }) => [name, { url, ref, target: target ?? '' }]),
      ),
      commands: podCloneCommands(mounts),
    };
  },
  parse_git_mount_spec: ([spec]) => {
    const [mount] = mountsOf([String(spec), '/target']);
    return [mount?.url, mount?.ref, mount?.name];
  },
  salloc_args: ([runEnv]) => sallocWords(recordedValue(runEnv) as ReadonlyMap<unknown, unknown>),
  squash_name: ([image]) => squashName(String(image)),
  startup: ([runEnv]) => {
    const values = new ProfileValues((recordedValue(runEnv) ?? new Map()) as ReadonlyMap<unknown, unknown>);
    const commands = values.texts('startup_commands');
    return { commands, cmd: afterStartup(commands, 'CMD') };
  },
};

export function call({ call: name = '', args = [], expect }: Case): string | undefined {
  const run = CALLS[name];
  if (run === undefined) return `no counterpart of ${name}`;
  if (expect.error !== undefined) {
    const error = thrown(() => run(args));
    // What a resolver throws is an error of its interpolation here as there, one level up.
    const kind = name === 'parse_git_mount_spec' ? 'InterpolationResolutionError' : 'ValueError';
    return errorDifference({ ...expect.error, kind }, error);
  }
  return difference(recordedValue(expect.value), ownValue(JSON.parse(JSON.stringify(run(args)))), true);
}

function mountsOf([spec = '', target = '']: readonly string[]) {
  const words = [spec, target].filter((word) => word !== '').map((word) => `'${word}'`);
  const tree = nodeFrom(new Map([['mount', ['$', `{auto_mount:${words.join(',')}}`].join('')]]));
  return resolveTree(tree, { env: {} }).mounts;
}
