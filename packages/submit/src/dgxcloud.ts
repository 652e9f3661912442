import { NemotronError } from '@nemotron-convert/core';
import { unpackCommand } from './data-mover.js';
import { type DgxCloudPlan, moverWorkload, planDgxCloud, workload } from './dgxcloud-job.js';
import type { Context, Handle, Job, Rendering } from './job.js';
import { hidden } from './lepton.js';
import { excerpt, member, type RestAnswer, type RestRequest, rest, textAt } from './rest.js';
import { isSecret, named } from './secrets.js';
import { type States, watchService } from './service-watch.js';

const STATES: States = {
  done: ['Completed'],
  failed: ['Failed', 'Stopped', 'Degraded', 'Deleting', 'Terminating'],
};
const MOVERS = '/workloads/workspaces';

/** What would be sent, without asking anybody. Throws PROFILE_INVALID. */
export async function renderDgxCloud(job: Job, context: Context): Promise<Rendering> {
  const plan = planDgxCloud(hidden(job), context.version, unixtimeOf(context));
  const place = { projectId: `<id of ${plan.project}>`, clusterId: `<cluster of ${plan.project}>` };
  const command = await unpackCommand(plan.files, plan.dir, plan.maxArgsChars);
  const token = { ...tokenBody(plan), clientSecret: named('client_secret') };
  return {
    files: plan.files.flatMap((entry) =>
      'text' in entry ? [{ path: `${plan.dir}/${entry.path}`, text: entry.text }] : [],
    ),
    commands: [],
    requests: [
      { method: 'POST', path: `${plan.baseUrl}/token`, body: token },
      { method: 'POST', path: `${plan.baseUrl}${MOVERS}`, body: moverWorkload(plan, command, place) },
      { method: 'POST', path: `${plan.baseUrl}/workloads/${plan.kind}`, body: workload(plan, place) },
    ],
    secrets: ['client_secret', ...[...job.variables.keys()].filter(isSecret)],
  };
}

/** Brings the files of a job onto its volume and creates the workload. Throws PROFILE_INVALID, REMOTE_*, JOB_*. */
export async function submitDgxCloud(job: Job, context: Context): Promise<Handle> {
  const plan = planDgxCloud(job, context.version, unixtimeOf(context));
  const service = new Service(plan, context);
  const place = await findProject(plan, service);
  await moveFiles(plan, place, service, context);
  const answer = await service.call({
    method: 'POST',
    path: `/workloads/${plan.kind}`,
    body: workload(plan, place),
    creates: true,
  });
  const id = created(answer);
  context.onEvent({ kind: 'note', message: `submitted as workload ${id}; files in ${plan.dir}` });
  const path = `/workloads/${plan.kind}/${encodeURIComponent(id)}`;
  return {
    id,
    wait: () =>
      watchService(
        { name: `workload ${id}`, states: STATES, stateOf: () => stateOf(path, id, service) },
        context,
      ),
    cancel: async () => void (await service.call({ method: 'DELETE', path })),
  };
}

function unixtimeOf(context: Context): string {
  return String(Math.floor(context.now().getTime() / 1000));
}

function tokenBody({ clientId, clientSecret }: DgxCloudPlan) {
  return { grantType: 'client_credentials', clientId, clientSecret };
}

/** The service with a token, taken when first needed and again when it has expired. */
class Service {
  #token: string | undefined;

  constructor(
    private readonly plan: DgxCloudPlan,
    private readonly context: Context,
  ) {}

  async call(request: RestRequest): Promise<RestAnswer> {
    const isFresh = this.#token === undefined;
    this.#token ??= await this.#newToken();
    const answer = await rest(this.plan.baseUrl, { ...request, token: this.#token }, this.context);
    if (answer.status !== 401) return answer;
    if (isFresh) throw this.#refused(answer);
    this.#token = undefined;
    return this.call(request);
  }

  async #newToken(): Promise<string> {
    const body = tokenBody(this.plan);
    const answer = await rest(this.plan.baseUrl, { method: 'POST', path: '/token', body }, this.context);
    const token = textAt(answer.json, 'accessToken');
    if (token === undefined) throw this.#refused(answer);
    return token;
  }

  #refused({ status, text }: RestAnswer): NemotronError {
    return new NemotronError('REMOTE_AUTH', `${this.plan.baseUrl} answered ${status}: ${excerpt(text)}`, {
      facts: { status },
      hint: 'check client_id and client_secret of the profile',
    });
  }
}

async function findProject(plan: DgxCloudPlan, service: Service) {
  const answer = await service.call({ method: 'GET', path: '/org-unit/projects' });
  const list = member(answer.json, 'projects');
  const projects = Array.isArray(list) ? (list as unknown[]) : [];
  const project = projects.find((each) => textAt(each, 'name') === plan.project);
  const [projectId, clusterId] = [member(project, 'id'), member(project, 'clusterId')];
  if (projectId !== undefined && clusterId !== undefined) {
    return { projectId: String(projectId), clusterId: String(clusterId) };
  }
  const names = projects.flatMap((each) => textAt(each, 'name') ?? []);
  throw new NemotronError('PROFILE_INVALID', 'Unable to determine project/cluster IDs for job submission', {
    facts: { kind: 'RuntimeError', key: 'project_name', found: plan.project, expected: names },
    hint: `set project_name to one of: ${names.join(', ') || 'none is visible to this client'}`,
  });
}

type Place = Awaited<ReturnType<typeof findProject>>;

async function moveFiles(
  plan: DgxCloudPlan,
  place: Place,
  service: Service,
  context: Context,
): Promise<void> {
  const command = await unpackCommand(plan.files, plan.dir, plan.maxArgsChars);
  const body = moverWorkload(plan, command, place);
  const id = created(await service.call({ method: 'POST', path: MOVERS, body, creates: true }));
  const path = `${MOVERS}/${encodeURIComponent(id)}`;
  try {
    const name = `workload ${id}`;
    await watchService({ name, states: STATES, stateOf: () => stateOf(path, id, service) }, context);
  } catch (cause) {
    if (!(cause instanceof NemotronError) || cause.code !== 'JOB_FAILED') throw cause;
    throw new NemotronError('JOB_PREPARATION', `copying the files of the job failed: ${cause.message}`, {
      cause,
      hint: 'check pvcs and pvc_nemo_run_dir of the profile',
    });
  } finally {
    await service.call({ method: 'DELETE', path }).catch(() => undefined);
  }
}

function created(answer: RestAnswer): string {
  const id = textAt(answer.json, 'workloadId');
  if (answer.status < 300 && id !== undefined) return id;
  throw new NemotronError('JOB_REJECTED', `DGX Cloud answered ${answer.status}: ${excerpt(answer.text)}`, {
    facts: { status: answer.status },
  });
}

async function stateOf(path: string, id: string, service: Service): Promise<string> {
  const answer = await service.call({ method: 'GET', path });
  if (answer.status === 404) throw new NemotronError('JOB_LOST', `workload ${id} is not there any more`);
  return textAt(answer.json, 'actualPhase') ?? textAt(answer.json, 'phase') ?? 'Unknown';
}
