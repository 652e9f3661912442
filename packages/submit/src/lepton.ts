import { NemotronError } from '@nemotron-convert/core';
import { unpackCommand } from './data-mover.js';
import type { Context, Handle, Job, Rendering } from './job.js';
import { type LeptonPlan, moverJob, planLepton } from './lepton-job.js';
import { excerpt, type RestAnswer, type RestRequest, rest, textAt } from './rest.js';
import { isSecret, named } from './secrets.js';
import { type States, watchService } from './service-watch.js';

const GATEWAY = 'https://gateway.dgxc-lepton.nvidia.com/api/v2/workspaces';
const STATES: States = {
  done: ['Completed'],
  failed: ['Failed', 'Stopped', 'Deleted', 'Archived', 'Deleting'],
};

type Call = (request: RestRequest) => Promise<RestAnswer>;

/** What would be sent, without asking anybody. Throws PROFILE_INVALID. */
export async function renderLepton(job: Job, context: Context): Promise<Rendering> {
  const unixtime = unixtimeOf(context);
  const plan = planLepton(hidden(job), context.version, unixtime);
  const affinity = affinityOf('<node group>', ['<nodes of the group>']);
  const command = await unpackCommand(plan.files, plan.dir);
  return {
    files: plan.files.flatMap((entry) =>
      'text' in entry ? [{ path: `${plan.dir}/${entry.path}`, text: entry.text }] : [],
    ),
    commands: [],
    requests: [
      { method: 'POST', path: '/jobs', body: moverJob(plan, command, affinity, unixtime) },
      { method: 'POST', path: '/jobs', body: runJob(plan, plan.name, affinity) },
    ],
    secrets: [...job.variables.keys()].filter(isSecret),
  };
}

/** The job with the names of its secrets in place of their values. */
export function hidden(job: Job): Job {
  const variables = new Map(
    [...job.variables].map(([name, value]) => [name, isSecret(name) && value !== '' ? named(name) : value]),
  );
  return { ...job, variables };
}

/** Brings the files of a job onto the shared storage and creates it. Throws PROFILE_INVALID, REMOTE_*, JOB_*. */
export async function submitLepton(job: Job, context: Context): Promise<Handle> {
  const unixtime = unixtimeOf(context);
  const plan = planLepton(job, context.version, unixtime);
  const workspace = workspaceOf(context);
  const call: Call = async (request) => {
    const answer = await rest(workspace.url, { ...request, token: workspace.token }, context);
    if (answer.status !== 401 && answer.status !== 403) return answer;
    throw new NemotronError(
      'REMOTE_AUTH',
      `${workspace.url} answered ${answer.status}: ${excerpt(answer.text)}`,
      {
        facts: { status: answer.status },
        hint: 'set LEPTON_WORKSPACE_ID and LEPTON_WORKSPACE_TOKEN to those of the workspace',
      },
    );
  };
  const affinity = await findNodes(plan, call);
  await moveFiles(plan, affinity, unixtime, call, context);
  const id = await create(plan, affinity, unixtime, call);
  context.onEvent({ kind: 'note', message: `submitted as job ${id}; files in ${plan.dir}` });
  return {
    id,
    wait: () =>
      watchService(
        {
          name: `job ${id}`,
          states: STATES,
          stateOf: () => stateOf(id, call),
          logFrom: (offset) => logFrom(id, offset, call),
        },
        context,
      ),
    cancel: async () => void (await call({ method: 'DELETE', path: `/jobs/${encodeURIComponent(id)}` })),
  };
}

function unixtimeOf(context: Context): string {
  return String(Math.floor(context.now().getTime() / 1000));
}

/** The workspace and its token; LEPTON_WORKSPACE_ID may hold both as `id:token`. */
function workspaceOf({ env }: Context): { readonly url: string; readonly token: string } {
  const [id = '', ownToken] = (env['LEPTON_WORKSPACE_ID'] ?? '').split(':');
  const token = env['LEPTON_WORKSPACE_TOKEN'] || ownToken;
  const url = env['LEPTON_WORKSPACE_URL'] || (id === '' ? undefined : `${GATEWAY}/${encodeURIComponent(id)}`);
  if (url !== undefined && token) return { url, token };
  throw new NemotronError(
    'REMOTE_AUTH',
    'no Lepton workspace: LEPTON_WORKSPACE_ID and LEPTON_WORKSPACE_TOKEN are unset',
    {
      hint: 'set both; the workspace settings of Lepton show them',
    },
  );
}

function affinityOf(group: string, nodes: readonly string[]) {
  return { allowed_dedicated_node_groups: [group], allowed_nodes_in_node_group: nodes };
}

async function findNodes(plan: LeptonPlan, call: Call) {
  const path = '/dedicated-node-groups';
  const groups = listOf(await call({ method: 'GET', path }));
  const group = groups.find((each) => textAt(each, 'metadata', 'name') === plan.nodeGroup);
  const id = textAt(group, 'metadata', 'id');
  if (id === undefined) {
    const names = groups.flatMap((each) => textAt(each, 'metadata', 'name') ?? []);
    throw new NemotronError(
      'PROFILE_INVALID',
      'Could not find node group that matches requested ID in the Lepton workspace. Ensure your requested node group exists.',
      {
        facts: { kind: 'RuntimeError', key: 'node_group', found: plan.nodeGroup, expected: names },
        hint: `set node_group to one of: ${names.join(', ') || 'none is visible to this token'}`,
      },
    );
  }
  const nodes = listOf(await call({ method: 'GET', path: `${path}/${encodeURIComponent(id)}/nodes` }));
  return affinityOf(
    id,
    nodes.flatMap((node) => textAt(node, 'metadata', 'id') ?? []),
  );
}

function listOf(answer: RestAnswer): readonly unknown[] {
  if (answer.status < 300 && Array.isArray(answer.json)) return answer.json as unknown[];
  throw new NemotronError(
    'REMOTE_ANSWER',
    `expected a list, found ${answer.status}: ${excerpt(answer.text)}`,
    {
      facts: { status: answer.status },
    },
  );
}

async function moveFiles(
  plan: LeptonPlan,
  affinity: unknown,
  unixtime: string,
  call: Call,
  context: Context,
): Promise<void> {
  const body = moverJob(plan, await unpackCommand(plan.files, plan.dir), affinity, unixtime);
  const id = body.metadata.id;
  accepted(await call({ method: 'POST', path: '/jobs', body, creates: true }));
  try {
    await watchService({ name: `job ${id}`, states: STATES, stateOf: () => stateOf(id, call) }, context);
  } catch (cause) {
    if (!(cause instanceof NemotronError) || cause.code !== 'JOB_FAILED') throw cause;
    throw new NemotronError('JOB_PREPARATION', `copying the files of the job failed: ${cause.message}`, {
      cause,
      hint: 'check the mounts of the profile: nemo_run_dir has to lie on one of them',
    });
  } finally {
    await call({ method: 'DELETE', path: `/jobs/${id}` }).catch(() => undefined);
  }
}

function runJob(plan: LeptonPlan, id: string, affinity: unknown) {
  return { metadata: { id }, spec: plan.spec(affinity) };
}

/** Creates the job; a name that an earlier one still holds gets the time appended. */
async function create(plan: LeptonPlan, affinity: unknown, unixtime: string, call: Call): Promise<string> {
  const suffix = `-${Number(unixtime).toString(36)}`;
  const names = [plan.name, `${plan.name.slice(0, 36 - suffix.length)}${suffix}`];
  for (const [index, name] of names.entries()) {
    const answer = await call({
      method: 'POST',
      path: '/jobs',
      body: runJob(plan, name, affinity),
      creates: true,
    });
    if (answer.status === 409 && index === 0) continue;
    accepted(answer);
    return textAt(answer.json, 'metadata', 'id') ?? name;
  }
  throw new NemotronError('JOB_REJECTED', `a job called ${names.at(-1)} exists`);
}

function accepted(answer: RestAnswer): void {
  if (answer.status < 300) return;
  throw new NemotronError('JOB_REJECTED', `Lepton answered ${answer.status}: ${excerpt(answer.text)}`, {
    facts: { status: answer.status },
  });
}

async function stateOf(id: string, call: Call): Promise<string> {
  const answer = await call({ method: 'GET', path: `/jobs/${encodeURIComponent(id)}` });
  if (answer.status === 404) throw new NemotronError('JOB_LOST', `job ${id} is not there any more`);
  return textAt(answer.json, 'status', 'state') ?? 'Unknown';
}

/** The log of the first pod. */
async function logFrom(id: string, offset: number, call: Call): Promise<string | undefined> {
  const path = `/jobs/${encodeURIComponent(id)}/replicas`;
  const replicas = listOf(await call({ method: 'GET', path }));
  const names = replicas.flatMap((each) => textAt(each, 'metadata', 'id') ?? []).sort();
  const [first] = names;
  if (first === undefined) return undefined;
  const answer = await call({ method: 'GET', path: `${path}/${encodeURIComponent(first)}/log` });
  return answer.status < 300 ? answer.text.slice(offset) : undefined;
}
