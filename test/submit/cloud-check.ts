import { gunzipSync } from 'node:zlib';
import type { Job } from '../../packages/submit/src/index.js';
import { difference, recordedValue, show } from '../conformance/values.js';
import { untar } from './fake-ssh.js';
import type { SubmitCase, Submitted } from './submit-kind.js';

export interface Recorded {
  readonly method: string;
  readonly url: string;
  readonly json: unknown;
}

/** Services that answer "fine", with the node groups and projects of a case. */
export function serviceAnswers(recorded: SubmitCase, requests: Recorded[]): typeof fetch {
  const { node_groups: groups = ['lepton-node-group'], projects = ['proj'] } = recorded;
  return async (input, init) => {
    const url = String(input);
    const { method = 'GET', body } = init ?? {};
    const json: unknown = typeof body === 'string' ? JSON.parse(body) : undefined;
    requests.push({ method, url, json });
    const id = (json as { metadata?: { id?: string } } | undefined)?.metadata?.id;
    const answers: readonly [RegExp, unknown][] = [
      [/\/dedicated-node-groups$/, groups.map((name) => ({ metadata: { name, id: `ng-${name}` } }))],
      [/\/nodes$/, [{ metadata: { id: 'node-0' } }]],
      [/\/jobs$/, { metadata: { id } }],
      [/\/jobs\/.*$/, { status: { state: 'Completed' } }],
      [/\/token$/, { accessToken: 'token' }],
      [
        /\/projects$/,
        { projects: projects.map((name) => ({ name, id: `id-${name}`, clusterId: `cl-${name}` })) },
      ],
      [/\/workloads\/\w+$/, { workloadId: 'w-123456789012', actualPhase: 'Pending' }],
      [/\/workloads\/\w+\/.*$/, { actualPhase: 'Completed' }],
    ];
    const found = answers.find(([pattern]) => pattern.test(url));
    return new Response(JSON.stringify(found?.[1] ?? {}), { status: found === undefined ? 404 : 200 });
  };
}

/** What is different on purpose: the transport of Python sources is gone, and the script starts this tool. */
const PYTHON = /\{transport|src-\{digest\}|_nemotron\/src|PYTHONPATH|\/nemo_run\/code|base64 -d/;

export function cloudCheck(
  job: Job,
  submitted: Submitted,
  requests: readonly Recorded[],
  unixtime: string,
): string | undefined {
  const fill = (text: string): string =>
    text
      .replaceAll('{unixtime}', unixtime)
      .replaceAll('{secret}', String(job.runEnv.get('client_secret') ?? job.runEnv.get('app_secret')));
  const scripts = requests.map(({ json }) => scriptIn(json)).find((text) => text !== undefined);
  const created = requests
    .filter(({ method }) => method !== 'GET' && method !== 'DELETE')
    .map(({ json }) => masked(json));
  const jobs = (submitted.lepton_jobs ?? []).map((each) => masked(JSON.parse(fill(JSON.stringify(each)))));
  const http = (submitted.http ?? []).map((each) => {
    const { method, url, json } = JSON.parse(fill(JSON.stringify(each))) as Recorded;
    return { method, url, ...(json === undefined ? {} : { json: masked(json) }) };
  });
  const own = requests
    .filter(({ method, url }) => method !== 'GET' || !/workloads\/.*\/./.test(url))
    .map(({ method, url, json }) => ({ method, url, ...(json === undefined ? {} : { json: masked(json) }) }));
  return (
    (jobs.length === 0 ? undefined : difference(recordedValue(jobs), recordedValue(created), true, 'jobs')) ??
    (http.length === 0 ? undefined : difference(recordedValue(http), recordedValue(own), true, 'http')) ??
    inlineCheck(job, submitted, scripts)
  );
}

/** Replaces what cannot be the same: base64 of other files, and the variables that carried Python sources. */
function masked(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/echo \S+ \| base64/, 'echo {base64} | base64');
  if (Array.isArray(value)) {
    return value
      .filter((item) => !String((item as { name?: unknown } | null)?.name ?? '').startsWith('_NEMOTRON'))
      .map(masked);
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, masked(item)]));
}

/** The pod's script out of the mover's archive. */
function scriptIn(json: unknown): string | undefined {
  const encoded = /echo (\S+) \| base64/.exec(JSON.stringify(json) ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const files = untar(gunzipSync(Buffer.from(encoded, 'base64')));
  return [...files].find(([name]) => name.startsWith('scripts/'))?.[1];
}

function inlineCheck(job: Job, { experiment }: Submitted, script: string | undefined): string | undefined {
  const inline = experiment?.task?.['inline'] as readonly string[] | undefined;
  if (inline === undefined) return undefined;
  const commands = (script ?? '')
    .split('\n')
    .slice(1)
    .map((line) => line.replace(/ && \\$/, ''))
    .filter((line) => line !== '' && !/base64 -d|_NEMOTRON_CONFIG_B64=/.test(line));
  const [work = '', ...before] = [...commands].reverse();
  const [recorded = '', ...rest] = inline
    .filter((line) => !PYTHON.test(line) || /torchrun|step\.py/.test(line))
    .reverse();
  const clones = (lines: readonly string[]) => lines.flatMap((line) => line.split(' && '));
  const [expected, found] = [clones(rest.reverse()), clones(before.reverse())];
  if (show(expected) !== show(found)) return `inline: expected ${show(expected)}, found ${show(found)}`;
  const [, nodes = '1', ranks = '1'] = /--nnodes (\S+) --nproc-per-node (\S+)/.exec(recorded) ?? [];
  const world = Number(nodes) * Math.max(Number(ranks), 1);
  if (world > 1 && !work.includes(`WORLD_SIZE=${world} `)) return `world: expected ${world} in ${work}`;
  const missing = job.words.filter((word) => !work.includes(word.includes(' ') ? `'${word}'` : word));
  return missing.length === 0 ? undefined : `words: ${show(missing)} not quoted in ${work}`;
}
