import { vi } from 'vitest';
import { runCommand } from '../../packages/cli/src/index.js';
import { exitCode } from '../../packages/cli/src/render/error.js';
import { type Context, type Job, submit } from '../../packages/submit/src/index.js';
import { planSlurm } from '../../packages/submit/src/slurm-plan.js';
import type { Case } from '../conformance/case.js';
import { errorDifference } from '../conformance/errors.js';
import { NOW, testIo } from '../conformance/kinds/io.js';
import { difference, recordedValue, show } from '../conformance/values.js';
import type { Place } from '../conformance/world.js';
import { cloudCheck, type Recorded, serviceAnswers } from './cloud-check.js';
import { type Answer, FakeSsh, untar } from './fake-ssh.js';

const UNIXTIME = String(Math.floor(NOW.getTime() / 1000));
const UUID = '00000000-0000-4000-8000-000000000000';

/** What a recorded submission holds besides the parts that every command has. */
export interface SubmitCase extends Case {
  readonly squashed?: boolean;
  readonly remote_answers?: Readonly<Record<string, { ok?: boolean; stdout?: string; stderr?: string }>>;
  readonly node_groups?: readonly string[];
  readonly projects?: readonly string[];
}

/** Runs a command line up to the submission, and the submission against stand-ins for ssh and the services. */
export async function submission(recorded: SubmitCase, place: Place): Promise<string | undefined> {
  const ssh = new FakeSsh(place.root, answersOf(recorded));
  const requests: Recorded[] = [];
  vi.stubGlobal('fetch', serviceAnswers(recorded, requests));
  const io = testIo(recorded, place);
  let job: Job | undefined;
  let error: unknown;
  let exit = 0;
  try {
    await runCommand(
      (recorded.argv ?? []).map((word) => place.fill(word)),
      {
        ...io,
        submit: async (given) => {
          job = given;
          await submit(given, context(ssh, io.env));
          return 0;
        },
      },
    );
  } catch (caught) {
    error = caught;
    exit = exitCode(caught);
  } finally {
    vi.unstubAllGlobals();
  }
  const expect = place.fillAll(recorded.expect) as Case['expect'] & {
    submitted?: Submitted;
    train_yaml?: string;
  };
  const { submitted = {} } = expect;
  const checks = [
    () =>
      exit === expect.exit ? undefined : `exit: expected ${expect.exit}, found ${exit} (${String(error)})`,
    () => (expect.error === undefined ? undefined : errorDifference(expect.error, error)),
    () =>
      expect.train_yaml === undefined || job?.trainYaml === expect.train_yaml
        ? undefined
        : `train.yaml: ${job?.trainYaml}`,
    () => (job?.executor === 'slurm' && error === undefined ? slurmCheck(job, submitted, ssh) : undefined),
    () =>
      job !== undefined && job.executor !== 'slurm'
        ? cloudCheck(job, submitted, requests, UNIXTIME)
        : undefined,
  ];
  for (const check of checks) {
    const found = check();
    if (found !== undefined) return found;
  }
  return undefined;
}

export interface Submitted {
  readonly executor?: { readonly args: Record<string, unknown> };
  readonly experiment?: {
    readonly title?: string;
    readonly detach?: boolean;
    readonly task?: Record<string, unknown>;
  };
  readonly tunnel?: readonly string[];
  readonly uploaded?: Readonly<Record<string, string>>;
  readonly sbatch?: string;
  readonly code_tarball?: readonly string[];
  readonly lepton_jobs?: readonly unknown[];
  readonly http?: readonly unknown[];
}

function context(ssh: FakeSsh, env: Context['env']): Context {
  return {
    env: { ...env, ...ssh.env, LEPTON_WORKSPACE_ID: 'ws', LEPTON_WORKSPACE_TOKEN: 'token' },
    now: () => NOW,
    uuid: () => UUID,
    version: '0.1.0',
    packageDir: `${import.meta.dirname}/../../packages/cli`,
    stepsDir: `${import.meta.dirname}/../../config/steps`,
    onEvent: () => {},
    pollMs: 1,
    retryMs: 1,
  };
}

function answersOf({ remote_answers: given = {}, squashed = true }: SubmitCase): Answer[] {
  const own = Object.entries(given).map(([pattern, { ok = true, stdout = '', stderr = '' }]) => ({
    pattern,
    code: ok ? 0 : 1,
    out: stdout.trim(),
    err: stderr,
  }));
  return [
    ...own,
    { pattern: 'uname', out: 'Linux x86_64\\nexists\\n' },
    { pattern: 'test -f', code: squashed ? 0 : 1, out: squashed ? 'exists' : ' ' },
    { pattern: 'test -d', code: 1, out: ' ' },
    { pattern: 'sbatch', out: '17' },
  ];
}

function slurmCheck(job: Job, submitted: Submitted, ssh: FakeSsh): string | undefined {
  const plan = planSlurm(job, { unixtime: UNIXTIME, uuid: UUID });
  const sent = ssh.commands();
  const archives = sent
    .filter(({ command }) => command.includes('tar -xf'))
    .map(({ input }) => untar(input ?? Buffer.alloc(0)));
  const files = new Map(archives.flatMap((archive) => [...archive]));
  const script = [...files].find(([name]) => name.endsWith('_sbatch.sh'))?.[1] ?? '';
  const { args } = submitted.executor ?? {};
  const get = (name: string) => plan.directives.get(name) ?? null;
  const own = {
    account: get('account'),
    partition: get('partition'),
    nodes: Number(get('nodes')),
    ntasks_per_node: plan.ranks,
    gpus_per_node: Number(get('gpus-per-node') ?? 0),
    cpus_per_task: get('cpus-per-task'),
    time: get('time'),
    container_image: plan.image?.squash ?? null,
    container_mounts: plan.containerMounts,
    mem: get('mem'),
    env_vars: Object.fromEntries(plan.variables.plain),
    exclusive: plan.directives.get('exclusive') === '',
  };
  const expected = Object.fromEntries(
    Object.entries(args ?? {})
      .filter(([name]) => name in own)
      .map(([name, value]) => [name, numberLike(name, value, own)]),
  );
  return (
    difference(recordedValue(sortKeys(expected)), recordedValue(sortKeys(own)), true, 'executor') ??
    experimentCheck(job, submitted, script) ??
    tunnelCheck(
      submitted,
      sent.map(({ command }) => command),
    ) ??
    directivesCheck(submitted, script) ??
    secretsCheck(submitted, sent) ??
    (submitted.code_tarball ?? [])
      .filter((name) => ![...files.keys()].some((each) => each.endsWith(`/code/${name}`)))
      .map((name) => `${name} was not sent`)[0]
  );
}

/** Counts that the recorded tool keeps as text are numbers here, and others text. */
function numberLike(name: string, value: unknown, own: Readonly<Record<string, unknown>>): unknown {
  if (value === null) return null;
  return typeof own[name] === 'number'
    ? Number(value)
    : typeof own[name] === 'string'
      ? String(value)
      : value;
}

function sortKeys(value: Record<string, unknown>): Record<string, unknown> {
  const env = value['env_vars'];
  const sorted =
    typeof env === 'object' && env !== null
      ? { env_vars: Object.fromEntries(Object.entries(env).sort()) }
      : {};
  return { ...value, ...sorted };
}

/** The worker's command: ours starts the tool where the recorded one starts Python. */
function experimentCheck(job: Job, { experiment }: Submitted, script: string): string | undefined {
  if (experiment === undefined) return undefined;
  if (experiment.detach !== undefined && experiment.detach !== job.detach) return `detach: ${job.detach}`;
  const words = (experiment.task?.['args'] as readonly string[] | undefined)?.[1];
  if (words === undefined) return undefined;
  const own = words.replace(
    'python main.py --config config.yaml',
    `sh nemotron.sh steps run ${job.stepId} -c config.yaml`,
  );
  const text = own.replaceAll("'", `'"'"'`);
  return script.includes(text) ? undefined : `worker: expected ${own} in\n${script}`;
}

/** Commands on the login node. How files and secrets get there is each tool's own. */
function tunnelCheck({ tunnel }: Submitted, sent: readonly string[]): string | undefined {
  if (tunnel === undefined) return undefined;
  const counts = (command: string) => !/^\{|\.nemotron-secrets|^uname|tar -xf/.test(command);
  const once = (commands: readonly string[]) =>
    commands.filter((command, at) => counts(command) && command !== commands[at - 1]);
  const expected = once(tunnel).map((command) => command.replaceAll('{unixtime}', UNIXTIME));
  const found = once(sent);
  // A clone that is there is looked for once here, twice there.
  const seen = new Set<string>();
  const unique = expected.filter(
    (command) => !command.startsWith('test -d') || (!seen.has(command) && seen.add(command)),
  );
  return show(unique) === show(found)
    ? undefined
    : `commands: expected ${show(unique)}, found ${show(found)}`;
}

function directivesCheck({ sbatch }: Submitted, script: string): string | undefined {
  if (sbatch === undefined) return undefined;
  const directives = (text: string) =>
    text.split('\n').filter((line) => line.startsWith('#SBATCH') && !line.includes('--ntasks-per-node'));
  const expected = directives(sbatch).map((line) =>
    // Torchrun is given the first character of a text; here it is a number.
    line.replaceAll('{unixtime}', UNIXTIME),
  );
  if (show(expected) !== show(directives(script)))
    return `directives: expected ${show(expected)}, found ${show(directives(script))}`;
  const flags = ['--container-image', '--container-workdir', '--wait=60', '--kill-on-bad-exit=1'];
  const absent = flags.filter((flag) => !script.includes(flag));
  const lines = [
    'set -evx',
    'set +e',
    'exit $exitcode',
    'scontrol requeue "$SLURM_JOB_ID"',
    'module load x',
  ].filter((line) => sbatch.includes(line) && !script.includes(line));
  return absent.length + lines.length === 0 ? undefined : `the script lacks ${show([...absent, ...lines])}`;
}

function secretsCheck(
  { uploaded }: Submitted,
  sent: readonly { command: string; input: Buffer | undefined }[],
): string | undefined {
  const expected = Object.entries(uploaded ?? {}).find(([name]) => name.endsWith('.env'));
  if (expected === undefined) return undefined;
  const [name, text] = expected;
  const found = sent.find(({ command }) => command.includes(name.replace('{uuid}', UUID)));
  if (found === undefined) return `${name} was not written`;
  if (!found.command.includes('chmod 600')) return `${name} can be read by others`;
  return found.input?.toString() === text
    ? undefined
    : `${name}: expected ${text}, found ${found.input?.toString()}`;
}
