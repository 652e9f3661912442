// The library at work, beside the page: files can be read in blocking calls here only.
import { inspect, planExport, planHeaders } from '@nemotron-convert/convert/headers';
import { NemotronError } from '@nemotron-convert/core';
import { bindingOf, type Engine, startEngine, useBinding } from '@nemotron-convert/native/wasm';
import wasmUrl from '@nemotron-convert/native/wasm/ckpt.wasm?url';
import { DROPPED, type Dropped, mount, readSoFar } from './host/disk.js';
import type { Answer, Choice, ExportDtype, Problem, Question, Result } from './messages.js';

/** Where a checkpoint would go, for the plan only. */
const TARGET = '/megatron';
/** Where the original model of a Megatron checkpoint is, beside it. */
const ORIGINAL = '.original';
let folder = '/';
let opened: readonly Dropped[] = [];

const started: Promise<Engine> = fetch(wasmUrl)
  .then((response) => response.arrayBuffer())
  .then((bytes) => WebAssembly.compile(bytes))
  .then((module) => startEngine(module, DROPPED, { stopped: () => false, progress: () => undefined }));
const caller = {
  call: async (call: Readonly<Record<string, unknown>>, { body }: { body?: Uint8Array } = {}) =>
    (await started).request(call, body),
};
useBinding(bindingOf(() => caller));

async function open(dropped: readonly Dropped[]): Promise<Result> {
  opened = dropped;
  mount(dropped);
  const [first] = dropped;
  folder = `/${first?.path.split('/')[0] ?? ''}`;
  return { kind: 'opened', inspection: await inspect(folder) };
}

async function plan(choice: Choice): Promise<Result> {
  const found = await planHeaders({ hfModelId: folder, megatronPath: TARGET, ...choice });
  return { kind: 'planned', plan: found };
}

async function planBack(original: readonly Dropped[], dtype: ExportDtype): Promise<Result> {
  mount([...opened, ...original.map(({ path, file }) => ({ path: `${ORIGINAL}/${path}`, file }))]);
  const hfModelId = `/${ORIGINAL}/${original[0]?.path.split('/')[0] ?? ''}`;
  return {
    kind: 'exported',
    plan: await planExport({ megatronPath: folder, hfModelId, hfPath: TARGET, dtype }),
  };
}

/** Does what is asked. */
function answer(question: Question): Promise<Result> {
  if (question.kind === 'open') return open(question.dropped);
  return question.kind === 'plan' ? plan(question.choice) : planBack(question.original, question.dtype);
}

function problemOf(thrown: unknown): Problem {
  if (thrown instanceof NemotronError) return { id: thrown.id, message: thrown.message, hint: thrown.hint };
  return { id: 'E0100', message: String(thrown), hint: 'this is a bug of the page: please report it' };
}

self.addEventListener('message', ({ data }: MessageEvent<Question>) => {
  void answer(data)
    .catch((thrown): Result => ({ kind: 'failed', problem: problemOf(thrown) }))
    .then((result) => {
      const told: Answer = { ...result, bytesRead: readSoFar() };
      self.postMessage(told);
    });
});
