import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { EngineDied, startEngine } from './engine.js';
import { type Answer, type Question, slotOf, type WorkerData } from './messages.js';
import { NODE_FILES } from './node-files.js';

const { wasm, stop } = workerData as WorkerData;
const reply = (answer: Answer): void => parentPort?.postMessage(answer);
let current = 0;
const host = {
  stopped: () => Atomics.load(stop, slotOf(current)) === 1,
  progress: (done: number, total: number, key: string) =>
    reply({ id: current, progress: { done, total, ...(key === '' ? {} : { key }) } }),
};
const started = WebAssembly.compile(readFileSync(wasm)).then((module) =>
  startEngine(module, NODE_FILES, host),
);

parentPort?.on('message', ({ id, call, body }: Question) => {
  started
    .then((engine) => {
      current = id;
      reply({ id, value: engine.request(call, body) });
    })
    .catch((thrown: Error) => reply({ id, failure: thrown.message, died: thrown instanceof EngineDied }));
});
