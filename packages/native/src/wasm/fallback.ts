import { fileURLToPath } from 'node:url';
import type { Binding } from '../binding.js';
import { EngineThread } from './thread.js';
import { bindingOf } from './wasm-binding.js';

/** The module, which is part of this package. */
export const WASM_FILE = fileURLToPath(new URL('../../wasm/ckpt.wasm', import.meta.url));

/** The engine in WebAssembly: one thread of its own, files through node:fs, the same bytes. */
export function wasmBinding(wasm: string = WASM_FILE): Binding {
  let thread: EngineThread | undefined;
  return bindingOf(() => {
    thread ??= new EngineThread(wasm, () => {
      thread = undefined;
    });
    return thread;
  });
}
