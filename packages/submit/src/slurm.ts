import { NemotronError } from '@nemotron-convert/core';
import { type Bundle, collectBundle } from './bundle.js';
import { cachedClone } from './git-mounts.js';
import type { Context, Handle, Job, Rendering } from './job.js';
import { CODE_DIR, codeFiles, JOB_DIR } from './packed-files.js';
import { ProfileValues } from './profile.js';
import { quote } from './quote.js';
import { type CommandResult, openShell, type RemoteShell } from './remote-shell.js';
import { named } from './secrets.js';
import { planSlurm, type SlurmPlan } from './slurm-plan.js';
import { importCommand, secretsText, slurmScript } from './slurm-script.js';
import { watchSlurm } from './slurm-watch.js';
import { CONFIG, workCommand } from './startup.js';
import { type TarEntry, tarStream } from './tar.js';
import { launcher } from './tool.js';

/** Where a container shows the uploaded tool. */
const TOOL_MOUNT = '/nemotron-tool';

interface Parts {
  readonly plan: SlurmPlan;
  readonly script: string;
  readonly code: readonly TarEntry[];
  readonly toolDir: string;
}

function parts(job: Job, context: Context, names: { unixtime: string; uuid: string }, digest: string): Parts {
  const drawn = planSlurm(job, names);
  const toolDir = `${drawn.root}/.nemotron-tool/${context.version}-${digest}`;
  const plan = { ...drawn, containerMounts: [...drawn.containerMounts, `${toolDir}:${TOOL_MOUNT}`] };
  const hasContainer = plan.image !== undefined;
  const config = hasContainer
    ? job.trainYaml
    : job.trainYaml.replaceAll(CODE_DIR, `${plan.jobDir}/code`).replaceAll(`${JOB_DIR}/`, `${plan.jobDir}/`);
  const start = launcher(context.version, hasContainer ? TOOL_MOUNT : toolDir, `${plan.root}/.nemotron-tool`);
  const work = workCommand(job, new ProfileValues(job.runEnv), '', CONFIG);
  return { plan, script: slurmScript(plan, work), code: codeFiles(job, config, start), toolDir };
}

/** What would be sent, without asking anybody. Throws PROFILE_INVALID. */
export function renderSlurm(job: Job, context: Context): Rendering {
  const unixtime = String(Math.floor(context.now().getTime() / 1000));
  const { plan, script, code } = parts(job, context, { unixtime, uuid: '<uuid>' }, '<digest>');
  const secrets = secretsText(plan, named);
  return {
    files: [
      { path: plan.script, text: script },
      ...code.flatMap((entry) =>
        'text' in entry ? [{ path: `${plan.jobDir}/code/${entry.path}`, text: entry.text }] : [],
      ),
      ...(secrets === '' ? [] : [{ path: plan.secretsFile, text: secrets }]),
    ],
    commands: [
      ...(plan.image === undefined ? [] : [importCommand(plan, plan.image)]),
      `sbatch --requeue --parsable ${quote(plan.script)}`,
    ],
    requests: [],
    secrets: plan.variables.secret.map(([name]) => name),
  };
}

/** Uploads a job and hands it to sbatch. Throws PROFILE_INVALID, REMOTE_*, JOB_PREPARATION, JOB_REJECTED. */
export async function submitSlurm(job: Job, context: Context): Promise<Handle> {
  const unixtime = String(Math.floor(context.now().getTime() / 1000));
  const bundle = collectBundle(context.packageDir, process.execPath, context.stepsDir);
  const { plan, script, code, toolDir } = parts(
    job,
    context,
    { unixtime, uuid: context.uuid() },
    bundle.digest,
  );
  const shell = openShell(new ProfileValues(job.runEnv), context);
  try {
    await provideImage(plan, job.forceSquash, shell, context);
    for (const clone of plan.clones) await provideClone(plan, clone, shell);
    await must(shell, `mkdir -p ${quote(`${plan.root}/ray_temp`)}`);
    await deliverSecrets(plan, shell);
    await provideTool(toolDir, bundle, shell, context);
    const inJob = (entry: TarEntry): TarEntry => ({ ...entry, path: `${plan.title}/code/${entry.path}` });
    const entries: TarEntry[] = [{ path: `${plan.title}_sbatch.sh`, text: script }, ...code.map(inJob)];
    await upload(entries, plan.experiment, shell);
    const id = await sbatch(plan, shell);
    context.onEvent({
      kind: 'note',
      message: `submitted as job ${id} on ${shell.name}; files in ${plan.jobDir}`,
    });
    if (job.detach) await shell.close();
    return {
      id,
      wait: () => watchSlurm(plan, id, shell, context).finally(() => shell.close()),
      // The watch has ended its login by now.
      cancel: async () => {
        const again = openShell(new ProfileValues(job.runEnv), context);
        await must(again, `scancel ${quote(id)}`).finally(() => again.close());
      },
    };
  } catch (error) {
    await shell.close();
    throw error;
  }
}

async function sbatch(plan: SlurmPlan, shell: RemoteShell): Promise<string> {
  const result = await shell.run(`sbatch --requeue --parsable ${quote(plan.script)}`);
  const id = /^(\d+)/m.exec(result.stdout)?.[1];
  if (result.code === 0 && id !== undefined) return id;
  const said = lastWords(result) || `sbatch ended with code ${result.code}`;
  throw new NemotronError('JOB_REJECTED', `${shell.name}: ${said}`, {
    facts: { script: plan.script, code: result.code },
    ...(result.code === 127
      ? { hint: 'sbatch is not here: set tunnel = "ssh" and host to a login node' }
      : {}),
  });
}

async function provideImage(
  plan: SlurmPlan,
  force: boolean,
  shell: RemoteShell,
  context: Context,
): Promise<void> {
  const { image } = plan;
  if (image === undefined || image.squash === image.source) return;
  const file = quote(image.squash);
  if (force) await must(shell, `rm -f ${file}`);
  else if ((await shell.run(`test -f ${file} && echo exists`)).stdout.includes('exists')) return;
  await must(shell, `mkdir -p ${quote(plan.root)}`);
  context.onEvent({ kind: 'note', message: `importing ${image.source} into ${image.squash}` });
  await must(shell, importCommand(plan, image), 'Failed to squash container image.');
}

/** A clone that is there is brought up to date; a reference is looked for on the remote first. */
async function provideClone(
  plan: SlurmPlan,
  clone: SlurmPlan['clones'][number],
  shell: RemoteShell,
): Promise<void> {
  const dir = cachedClone(plan.root, clone);
  const at = `git -C ${quote(dir)}`;
  await must(shell, `mkdir -p ${quote(`${plan.root}/git-cache`)}`);
  const isThere = (await shell.run(`test -d ${quote(`${dir}/.git`)} && echo exists`)).stdout.includes(
    'exists',
  );
  await must(shell, isThere ? `${at} fetch origin` : `git clone ${quote(clone.url)} ${quote(dir)}`);
  const checkout = `${at} checkout ${quote(`origin/${clone.ref}`)} 2>/dev/null || ${at} checkout ${quote(clone.ref)}`;
  await must(shell, checkout, `git checkout ${clone.ref} failed for ${clone.name}`, undefined, 'Exit');
  await must(shell, `${at} reset --hard HEAD`);
}

/** Secrets travel through the input of a command: no list of processes and no log shows them. */
async function deliverSecrets(plan: SlurmPlan, shell: RemoteShell): Promise<void> {
  if (plan.variables.secret.length === 0) return;
  const file = quote(plan.secretsFile);
  const dir = quote(`${plan.root}/.nemotron-secrets`);
  const text = secretsText(plan, (_, secret) => secret);
  await must(
    shell,
    `umask 077; mkdir -p ${dir} && chmod 700 ${dir} && cat > ${file} && chmod 600 ${file}`,
    'delivering the secrets failed',
    Buffer.from(text),
  );
}

/** Copies the tool once a version; the far side falls back to its own when it is another kind of machine. */
async function provideTool(dir: string, bundle: Bundle, shell: RemoteShell, context: Context): Promise<void> {
  const { stdout } = await shell.run(`uname -sm; test -x ${quote(`${dir}/bin/node`)} && echo exists`);
  const here = { x64: 'x86_64', arm64: 'aarch64' }[process.arch as string];
  if (stdout.includes('exists') || process.platform !== 'linux' || !stdout.startsWith(`Linux ${here}`))
    return;
  context.onEvent({ kind: 'note', message: `copying the tool to ${shell.name}:${dir}` });
  const part = `${dir}.${context.uuid()}`;
  await upload(bundle.entries, part, shell);
  await must(
    shell,
    `mv -T ${quote(part)} ${quote(dir)} || { test -x ${quote(`${dir}/bin/node`)} && rm -rf ${quote(part)}; }`,
  );
}

async function upload(entries: readonly TarEntry[], dir: string, shell: RemoteShell): Promise<void> {
  await must(
    shell,
    `mkdir -p ${quote(dir)} && tar -xf - -C ${quote(dir)}`,
    `copying files to ${dir} failed`,
    tarStream(entries),
  );
}

async function must(
  shell: RemoteShell,
  command: string,
  what = 'a command failed',
  input?: Buffer | AsyncIterable<Buffer>,
  kind = 'RuntimeError',
): Promise<CommandResult> {
  const result = await shell.run(command, input);
  if (result.code === 0) return result;
  throw new NemotronError('JOB_PREPARATION', `${what}\n${shell.name}: ${command}\n${lastWords(result)}`, {
    facts: { kind, command, code: result.code },
  });
}

function lastWords({ stderr, stdout }: CommandResult): string {
  return (stderr.trim() || stdout.trim()).split('\n').slice(-5).join('\n');
}
