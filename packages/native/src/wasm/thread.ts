import { Worker } from 'node:worker_threads';
import type { BindingProgress } from '../binding.js';
import { type Answer, type Question, STOP_SLOTS, slotOf, type WorkerData } from './messages.js';
import type { Caller, CallOptions } from './wasm-binding.js';

interface Waiting {
  readonly resolve: (value: string) => void;
  readonly reject: (error: Error) => void;
  readonly onProgress: ((progress: BindingProgress) => void) | null;
}

// From the sources too, which tests run, the built worker is the one to start.
const WORKER = new URL('../../dist/wasm/worker.js', import.meta.url);

/** The engine on a thread of its own, since its calls block; they are answered in order. It keeps no process alive. */
export class EngineThread implements Caller {
  readonly #stop = new Int32Array(new SharedArrayBuffer(4 * STOP_SLOTS));
  readonly #waiting = new Map<number, Waiting>();
  readonly #worker: Worker;
  #last = 0;

  /** `onEnd` is called when the thread is of no use any more. */
  constructor(wasm: string, onEnd: () => void) {
    const workerData: WorkerData = { wasm, stop: this.#stop };
    this.#worker = new Worker(WORKER, { workerData });
    this.#worker.unref();
    const end = (error: Error): void => {
      onEnd();
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    };
    this.#worker.on('error', end);
    this.#worker.on('exit', () => end(new Error('the thread of the WebAssembly engine ended')));
    this.#worker.on('message', (answer: Answer) => this.#settle(answer));
  }

  call(call: Readonly<Record<string, unknown>>, options: CallOptions = {}): Promise<string> {
    const { body, onProgress = null, signal } = options;
    this.#last += 1;
    const id = this.#last;
    const question: Question = { id, call, ...(body === undefined ? {} : { body }) };
    const stop = (): void => {
      Atomics.store(this.#stop, slotOf(id), 1);
    };
    signal?.addEventListener('abort', stop, { once: true });
    this.#worker.ref();
    const answered = new Promise<string>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, onProgress });
      this.#worker.postMessage(question);
    });
    return answered.finally(() => {
      signal?.removeEventListener('abort', stop);
      Atomics.store(this.#stop, slotOf(id), 0);
      if (this.#waiting.size === 0) this.#worker.unref();
    });
  }

  #settle(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    if ('progress' in answer) {
      waiting?.onProgress?.(answer.progress);
      return;
    }
    this.#waiting.delete(answer.id);
    if ('value' in answer) waiting?.resolve(answer.value);
    else waiting?.reject(new Error(answer.failure));
    if ('died' in answer && answer.died) void this.#worker.terminate();
  }
}
