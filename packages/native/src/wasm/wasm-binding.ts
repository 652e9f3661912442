import { resolve } from 'node:path';
import type { Binding, BindingPlan, BindingProgress } from '../binding.js';

export interface CallOptions {
  readonly body?: Uint8Array;
  readonly onProgress?: ((progress: BindingProgress) => void) | null;
  readonly signal?: AbortSignal | null;
}

/** Something that answers an engine's calls, in order. */
export interface Caller {
  call(call: Readonly<Record<string, unknown>>, options?: CallOptions): Promise<string>;
}

/** A plan that an engine holds. */
interface HeldPlan {
  readonly number: number;
  readonly holder: Caller;
}

/** The engine's calls by what `current` gives: another one once an engine has died, and its plans with it. */
export function bindingOf(current: () => Caller): Binding {
  const dropped = new FinalizationRegistry(({ number, holder }: HeldPlan) => {
    if (holder === current()) holder.call({ call: 'dropPlan', plan: number }).catch(() => undefined);
  });
  const ask = (call: string, values: object, options?: CallOptions): Promise<string> =>
    current().call({ call, ...values }, options);
  /** A call of the thread that holds the plan. */
  const askPlan = (plan: BindingPlan, call: string, values: object, options?: CallOptions) => {
    const { number, holder } = plan as unknown as HeldPlan;
    return holder.call({ call, plan: number, ...values }, options);
  };

  return {
    engine: 'wasm',
    inspect: (paths) => ask('inspect', { paths: paths.map((path) => resolve(path)) }),
    loadPlan: async (body) => {
      const holder = current();
      const plan: HeldPlan = {
        number: Number(await holder.call({ call: 'loadPlan' }, { body })),
        holder,
      };
      dropped.register(plan, { ...plan });
      return plan as unknown as BindingPlan;
    },
    planFiles: (plan) => askPlan(plan, 'planFiles', {}),
    // Blocks are the filesystem's, of which this engine sees nothing.
    canCloneInto: () => false,
    verifyWrittenPlan: (plan, root) => askPlan(plan, 'verifyWrittenPlan', { root: resolve(root) }),
    planBuffers: (plan, threads, memory, compute) =>
      askPlan(plan, 'planBuffers', { threads, memory, compute }),
    indexPlan: (plan, root, sync) => askPlan(plan, 'indexPlan', { root: resolve(root), sync }),
    hashWholeFiles: (paths) => ask('hashWholeFiles', { paths: paths.map((path) => resolve(path)) }),
    writeSmallFiles: (root, files) =>
      ask('writeSmallFiles', {
        root: resolve(root),
        files: files.map((file) => ('text' in file ? file : { ...file, copyOf: resolve(file.copyOf) })),
      }),
    syncAllOf: (files, folders) =>
      ask('syncAllOf', {
        files: files.map((path) => resolve(path)),
        folders: folders.map((path) => resolve(path)),
      }),
    verifyCheckpoint: (dir, payloads, plan, sampled, signal) => {
      const values = { dir: resolve(dir), payloads, sampled };
      return plan === null
        ? ask('verifyCheckpoint', values, { signal })
        : askPlan(plan, 'verifyCheckpoint', values, { signal });
    },
    verifyPlanFiles: (plan, root, payloads, signal) =>
      askPlan(plan, 'verifyPlanFiles', { root: resolve(root), payloads }, { signal }),
    beyondBfloat16: (dir, keys) => ask('beyondBfloat16', { dir: resolve(dir), keys }),
    checkpointPlan: (dir, prefixes) => ask('checkpointPlan', { dir: resolve(dir), prefixes }),
    inspectCheckpoint: (dir) => ask('inspectCheckpoint', { dir: resolve(dir) }),
    inspectTensor: (dir, key) => ask('inspectTensor', { dir: resolve(dir), key }),
    inspectSourceTensor: (path, name) => ask('inspectSourceTensor', { path: resolve(path), name }),
    runPlan: (plan, options, onProgress, signal) =>
      askPlan(
        plan,
        'runPlan',
        { options: { ...options, root: resolve(options.root) } },
        { onProgress, signal },
      ),
  };
}
