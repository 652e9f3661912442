import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { NemotronError } from '@nemotron-convert/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Context, type Job, render, type SubmitEvent, submit } from '../../packages/submit/src/index.js';

interface Asked {
  readonly line: string;
  readonly authorization: string | undefined;
  readonly body: unknown;
}
type Answer =
  | { readonly status?: number; readonly body?: unknown; readonly headers?: Record<string, string> }
  | 'cut'
  | 'silent';

/** Answers by `METHOD /path`; a list is used up one by one, its last answer stays. */
class Service {
  readonly asked: Asked[] = [];
  readonly #server: Server;

  constructor(readonly answers: Record<string, Answer | Answer[]>) {
    this.#server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const text = Buffer.concat(chunks).toString();
      const line = `${request.method} ${request.url}`;
      this.asked.push({
        line,
        authorization: request.headers.authorization,
        body: text === '' ? undefined : JSON.parse(text),
      });
      const given = this.answers[line];
      const answer = Array.isArray(given) ? (given.length > 1 ? given.shift() : given[0]) : given;
      if (answer === 'silent') return;
      if (answer === 'cut' || answer === undefined) {
        if (answer === 'cut') request.socket.destroy();
        else response.writeHead(404).end('{}');
        return;
      }
      const body = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body ?? {});
      response.writeHead(answer.status ?? 200, answer.headers).end(body);
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  get lines(): string[] {
    return this.asked.map(({ line }) => line);
  }
}

const NAME = 'convert-hf-to-megatron-step';
const MOVER = 'data-mover-1000';
const LEPTON: Record<string, Answer | Answer[]> = {
  'GET /dedicated-node-groups': { body: [{ metadata: { name: 'group', id: 'ng-1' } }] },
  'GET /dedicated-node-groups/ng-1/nodes': { body: [{ metadata: { id: 'node-0' } }] },
  'POST /jobs': { body: {} },
  [`GET /jobs/${MOVER}`]: { body: { status: { state: 'Completed' } } },
  [`DELETE /jobs/${MOVER}`]: { body: {} },
  [`GET /jobs/${NAME}`]: [
    { body: { status: { state: 'Starting' } } },
    { body: { status: { state: 'Running' } } },
    { body: { status: { state: 'Completed' } } },
  ],
  [`GET /jobs/${NAME}/replicas`]: { body: [{ metadata: { id: 'r-1' } }, { metadata: { id: 'r-0' } }] },
  [`GET /jobs/${NAME}/replicas/r-0/log`]: [{ body: '' }, { body: 'one\n' }, { body: 'one\ntwo\n' }],
};
const DGX: Record<string, Answer | Answer[]> = {
  'POST /token': { body: { accessToken: 'first' } },
  'GET /org-unit/projects': { body: { projects: [{ name: 'proj', id: 7, clusterId: 'cl' }] } },
  'POST /workloads/workspaces': { status: 202, body: { workloadId: 'mover' } },
  'GET /workloads/workspaces/mover': [
    { body: { actualPhase: 'Running' } },
    { body: { actualPhase: 'Completed' } },
  ],
  'DELETE /workloads/workspaces/mover': { status: 202 },
  'POST /workloads/trainings': { status: 202, body: { workloadId: 'run' } },
  'GET /workloads/trainings/run': [{ body: { phase: 'Running' } }, { body: { phase: 'Completed' } }],
};

let service: Service | undefined;
let events: SubmitEvent[];
beforeEach(() => {
  events = [];
});
afterEach(() => service?.stop());

const job = (executor: Job['executor'], runEnv: Record<string, unknown>): Job => ({
  executor,
  detach: false,
  forceSquash: false,
  stepId: 'convert/hf_to_megatron',
  runspec: { image: 'image:1', nodes: 1, gpusPerNode: 8 },
  runEnv: new Map(Object.entries(runEnv)),
  mounts: [],
  variables: new Map([
    ['HF_TOKEN', 'hf_secret'],
    ['PLAIN', 'x y'],
  ]),
  cwd: '/nowhere',
  trainYaml: 'hf_model_id: org/m\n',
  words: [],
});
const context = (url: string, signal?: AbortSignal): Context => ({
  env: { LEPTON_WORKSPACE_ID: 'ws:tok', LEPTON_WORKSPACE_URL: url },
  now: () => new Date(1_000_000),
  uuid: () => 'uuid',
  version: '0.1.0',
  packageDir: '/nowhere',
  stepsDir: '/nowhere',
  onEvent: (event) => events.push(event),
  pollMs: 1,
  retryMs: 1,
  signal,
});
const lepton = async (
  answers: Record<string, Answer | Answer[]> = {},
  runEnv: Record<string, unknown> = {},
) => {
  service = new Service({ ...LEPTON, ...answers });
  const url = await service.start();
  return submit(job('lepton', { nemo_run_dir: '/ws/run', node_group: 'group', ...runEnv }), context(url));
};
const dgx = async (answers: Record<string, Answer | Answer[]> = {}) => {
  service = new Service({ ...DGX, ...answers });
  const url = await service.start();
  const profile = {
    base_url: url,
    kube_apiserver_url: 'https://k',
    client_id: 'id',
    client_secret: 'sec',
    project_name: 'proj',
    pvc_nemo_run_dir: '/ws/run',
    pvcs: [new Map([['path', '/ws']])],
  };
  return submit(job('dgxcloud', profile), context(url));
};
const failure = async (work: Promise<unknown>): Promise<NemotronError> => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(NemotronError);
  return error as NemotronError;
};

describe('Lepton', () => {
  test('asks in order, with the token, and follows the job to its end', async () => {
    const handle = await lepton();
    expect(await handle.wait()).toBe(0);
    const text = events.flatMap((event) => (event.kind === 'log' ? event.text : [])).join('');
    expect(text).toBe('one\ntwo\n');
    expect(service?.lines.slice(0, 6)).toEqual([
      'GET /dedicated-node-groups',
      'GET /dedicated-node-groups/ng-1/nodes',
      'POST /jobs',
      `GET /jobs/${MOVER}`,
      `DELETE /jobs/${MOVER}`,
      'POST /jobs',
    ]);
    expect(new Set(service?.asked.map(({ authorization }) => authorization))).toEqual(
      new Set(['Bearer tok']),
    );
  });

  test('a failed job is 8, a job that vanishes too', async () => {
    const failed = await lepton({ [`GET /jobs/${NAME}`]: { body: { status: { state: 'Failed' } } } });
    expect(await failure(failed.wait())).toMatchObject({ code: 'JOB_FAILED', exit: 8 });
    service?.stop();
    const lost = await lepton({ [`GET /jobs/${NAME}`]: { status: 404 } });
    expect(await failure(lost.wait())).toMatchObject({ code: 'JOB_LOST', exit: 8 });
  });

  test('409: the name is taken, so another one is made', async () => {
    const handle = await lepton({
      'POST /jobs': [{ body: {} }, { status: 409, body: 'exists' }, { body: {} }],
    });
    expect(handle.id).toBe(`${NAME}-rs`);
  });

  test('429 and 5xx are tried again; a lost answer to a creation is not', async () => {
    await lepton({
      'GET /dedicated-node-groups': [
        { status: 429 },
        { status: 500 },
        'cut',
        LEPTON['GET /dedicated-node-groups'] as Answer,
      ],
    });
    service?.stop();
    const error = await failure(lepton({ 'POST /jobs': 'cut' }));
    expect(error).toMatchObject({ code: 'REMOTE_UNREACHABLE', exit: 7 });
    expect(error.message).toContain('may have arrived');
    expect(service?.lines.filter((line) => line === 'POST /jobs')).toHaveLength(1);
  });

  test.each([
    ['401', { 'GET /dedicated-node-groups': { status: 401, body: 'no' } }, 'REMOTE_AUTH', 7],
    [
      '5xx that stays',
      { 'GET /dedicated-node-groups': { status: 502, body: 'bad gateway' } },
      'REMOTE_ANSWER',
      7,
    ],
    ['a page instead of JSON', { 'GET /dedicated-node-groups': { body: '<html>' } }, 'REMOTE_ANSWER', 7],
    ['a refused job', { 'POST /jobs': { status: 400, body: 'bad shape' } }, 'JOB_REJECTED', 8],
    [
      'a mover that fails',
      { [`GET /jobs/${MOVER}`]: { body: { status: { state: 'Failed' } } } },
      'JOB_PREPARATION',
      1,
    ],
  ] as const)('%s', async (_, answers, code, exit) => {
    expect(await failure(lepton(answers))).toMatchObject({ code, exit });
  });

  test('nobody there', async () => {
    const error = await failure(submit(job('lepton', { nemo_run_dir: '/r' }), context('http://127.0.0.1:1')));
    expect(error).toMatchObject({ code: 'REMOTE_UNREACHABLE', exit: 7 });
  });

  test('a secret of the workspace is named, not sent', async () => {
    const reference = new Map([
      ['HF_TOKEN', new Map([['value_from', new Map([['secret_name_ref', 'hf']])]])],
    ]);
    await lepton({}, { env_vars: reference });
    const bodies = JSON.stringify(service?.asked.map(({ body }) => body));
    expect(bodies).toContain('{"name":"HF_TOKEN","value_from":{"secret_name_ref":"hf"}}');
    expect(bodies).not.toContain('hf_secret');
  });
});

describe('DGX Cloud', () => {
  test('asks in order and follows the workload to its end', async () => {
    const handle = await dgx();
    expect(await handle.wait()).toBe(0);
    expect(service?.lines.filter((line) => !line.startsWith('GET /workloads'))).toEqual([
      'POST /token',
      'GET /org-unit/projects',
      'POST /workloads/workspaces',
      'DELETE /workloads/workspaces/mover',
      'POST /workloads/trainings',
    ]);
    expect(service?.asked[0]?.body).toEqual({
      grantType: 'client_credentials',
      clientId: 'id',
      clientSecret: 'sec',
    });
  });

  test('a token that expires is taken again, once for each refusal', async () => {
    const handle = await dgx({
      'POST /token': [{ body: { accessToken: 'first' } }, { body: { accessToken: 'second' } }],
      'GET /workloads/workspaces/mover': [{ status: 401 }, { body: { actualPhase: 'Completed' } }],
    });
    expect(await handle.wait()).toBe(0);
    expect(service?.asked.at(-1)?.authorization).toBe('Bearer second');
  });

  test.each([
    ['wrong credentials', { 'POST /token': { status: 401, body: 'no' } }, 'REMOTE_AUTH', 7],
    ['a token that is refused at once', { 'GET /org-unit/projects': { status: 401 } }, 'REMOTE_AUTH', 7],
    ['409', { 'POST /workloads/trainings': { status: 409, body: 'name exists' } }, 'JOB_REJECTED', 8],
    ['503 that stays', { 'GET /org-unit/projects': { status: 503 } }, 'REMOTE_ANSWER', 7],
    [
      'a redirect',
      { 'GET /org-unit/projects': { status: 302, headers: { location: 'http://127.0.0.1:1/' } } },
      'REMOTE_ANSWER',
      7,
    ],
  ] as const)('%s', async (_, answers, code, exit) => {
    expect(await failure(dgx(answers))).toMatchObject({ code, exit });
  });

  test('503 is tried again even for a creation: it has not happened', async () => {
    await dgx({ 'POST /workloads/trainings': [{ status: 503 }, { body: { workloadId: 'run' } }] });
    expect(service?.lines.filter((line) => line === 'POST /workloads/trainings')).toHaveLength(2);
  });

  test('a failed workload is 8', async () => {
    const handle = await dgx({ 'GET /workloads/trainings/run': { body: { phase: 'Failed' } } });
    expect(await failure(handle.wait())).toMatchObject({ code: 'JOB_FAILED', exit: 8 });
  });
});

test('a dry run shows secrets by name, whatever the backend', async () => {
  const profiles = {
    slurm: { account: 'a', remote_job_dir: '/r' },
    lepton: { nemo_run_dir: '/r' },
    dgxcloud: {
      base_url: 'http://h',
      kube_apiserver_url: 'http://k',
      client_id: 'i',
      client_secret: 'cl_secret',
      project_name: 'p',
      pvc_nemo_run_dir: '/r',
      pvcs: [new Map([['path', '/r']])],
    },
  } as const;
  for (const [executor, profile] of Object.entries(profiles)) {
    const shown = JSON.stringify(
      await render(job(executor as Job['executor'], profile), context('http://h')),
    );
    expect(shown).not.toMatch(/hf_secret|cl_secret/);
    expect(shown).toContain('<HF_TOKEN>');
    expect(shown).toContain('x y');
  }
});
