import type { Files } from './files.js';
import { wasi } from './wasi.js';

export interface EngineHost {
  /** Whether the running call is to stop. */
  stopped(): boolean;
  progress(done: number, total: number, key: string): void;
}

export interface Engine {
  /**
   * Makes a call, which blocks; `body` are the bytes of a plan. Returns a text, usually JSON. Throws an error whose message
   * is the JSON text of a failure; an EngineDied after which the engine is of no use any more.
   */
  request(call: Readonly<Record<string, unknown>>, body?: Uint8Array): string;
}

/** The engine panicked. */
export class EngineDied extends Error {}

interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly _initialize: () => void;
  readonly allocate: (length: number) => number;
  readonly stop_flag: () => number;
  readonly call: () => number;
  readonly answer_length: () => number;
}

/** An engine of its own in a compiled `ckpt.wasm`, which sees nothing but `files`. */
export async function startEngine(
  module: WebAssembly.Module,
  files: Files,
  host: EngineHost,
): Promise<Engine> {
  let exports: Exports | undefined;
  const poll = (): void => {
    if (exports !== undefined && host.stopped())
      new Uint8Array(exports.memory.buffer)[exports.stop_flag()] = 1;
  };
  const system = wasi(files, poll);
  const progress = (done: number, total: number, at: number, length: number): void => {
    const memory = exports?.memory.buffer ?? new ArrayBuffer(0);
    host.progress(done, total, new TextDecoder().decode(new Uint8Array(memory, at, length).slice()));
  };
  const instance = await WebAssembly.instantiate(module, {
    wasi_snapshot_preview1: system.imports,
    host: { progress },
  });
  const started = instance.exports as unknown as Exports;
  exports = started;
  system.attach(started.memory);
  started._initialize();
  const flag = started.stop_flag();

  return {
    request: (call, body = new Uint8Array()) => {
      const head = new TextEncoder().encode(`${JSON.stringify(call)}\n`);
      let answer: { readonly value?: string; readonly failure?: string };
      try {
        const at = started.allocate(head.length + body.length);
        new Uint8Array(started.memory.buffer, at, head.length).set(head);
        new Uint8Array(started.memory.buffer, at + head.length, body.length).set(body);
        new Uint8Array(started.memory.buffer)[flag] = 0;
        const found = started.call();
        const text = new Uint8Array(started.memory.buffer, found, started.answer_length()).slice();
        answer = JSON.parse(new TextDecoder().decode(text)) as typeof answer;
      } catch (cause) {
        const why = system.errorOutput() || (cause as Error).message;
        throw new EngineDied(`the WebAssembly engine stopped: ${why}`, { cause });
      }
      if (answer.value === undefined) throw new Error(answer.failure ?? 'no answer');
      return answer.value;
    },
  };
}
