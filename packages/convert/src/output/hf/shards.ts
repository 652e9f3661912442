import type { OutputTensor } from '../../plan/safetensors.js';
import { outputBytes } from '../../plan/safetensors.js';
import type { ShardPattern } from '../../source/reference.js';

/** Bytes of a file where no other checkpoint tells how to divide the tensors; that of Hugging Face's own writer. */
export const MAX_SHARD_SIZE = 5_000_000_000;

/** Which file every tensor goes to, and the index that says so where there are several. */
export interface Shards {
  readonly fileOf: ReadonlyMap<string, string>;
  /** The text of model.safetensors.index.json; null for a single file that another checkpoint had no index for. */
  readonly index: string | null;
}

type Sized = Pick<OutputTensor, 'name' | 'dtype' | 'shape'>;

/**
 * The files of another checkpoint, for the tensors that it has; the others go where `beside` says that a tensor of the
 * same part of the model is, or else into the last file.
 */
export function shardLike(
  outputs: readonly Sized[],
  pattern: ShardPattern,
  beside: (name: string) => string | undefined = () => undefined,
): Shards {
  const files = [...new Set(pattern.fileOf.values())].sort();
  const last = files.at(-1) ?? 'model.safetensors';
  const fileOf = new Map<string, string>();
  // In the pattern's order, so that an equal checkpoint gets an equal index.
  const present = new Set(outputs.map(({ name }) => name));
  for (const [name, file] of pattern.fileOf) if (present.has(name)) fileOf.set(name, file);
  for (const { name } of outputs) {
    if (!fileOf.has(name)) fileOf.set(name, pattern.fileOf.get(beside(name) ?? '') ?? last);
  }
  const indexed = pattern.indexMetadata !== null || new Set(fileOf.values()).size > 1;
  return { fileOf, index: indexed ? indexText(outputs, fileOf, pattern.indexMetadata ?? {}) : null };
}

/** Tensors in their order, in files of at most `maxBytes`; a larger tensor gets a file of its own. */
export function shardBySize(outputs: readonly Sized[], maxBytes: number): Shards {
  const shards: string[][] = [[]];
  let filled = 0;
  for (const output of outputs) {
    const bytes = outputBytes(output);
    if (filled > 0 && filled + bytes > maxBytes) {
      shards.push([]);
      filled = 0;
    }
    shards.at(-1)?.push(output.name);
    filled += bytes;
  }
  const fileOf = new Map<string, string>();
  for (const [n, names] of shards.entries()) {
    for (const name of names) fileOf.set(name, fileName(n, shards.length));
  }
  return { fileOf, index: shards.length === 1 ? null : indexText(outputs, fileOf, {}) };
}

function fileName(number: number, count: number): string {
  if (count === 1) return 'model.safetensors';
  const five = (n: number): string => String(n).padStart(5, '0');
  return `model-${five(number + 1)}-of-${five(count)}.safetensors`;
}

function indexText(
  outputs: readonly Sized[],
  fileOf: ReadonlyMap<string, string>,
  metadata: Readonly<Record<string, unknown>>,
): string {
  const total = outputs.reduce((sum, output) => sum + outputBytes(output), 0);
  const index = {
    metadata: { ...metadata, total_size: total },
    weight_map: Object.fromEntries(fileOf),
  };
  return `${JSON.stringify(index, null, 2)}\n`;
}
