import { binding } from './binding.js';
import { settled } from './failure.js';

/** A tensor's header entry; `begin` and `end` are absolute byte positions in the file. */
export interface TensorInfo {
  readonly name: string;
  /** safetensors dtype name. */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
  /** Position of the file among those that were asked for. */
  readonly file: number;
}

export interface SafetensorsFile {
  readonly path: string;
  readonly bytes: number;
  /** Length of the JSON; the data begins eight bytes later. */
  readonly headerBytes: number;
  readonly metadata: Readonly<Record<string, string>>;
  /** Sorted by position; together they cover the file's data exactly. */
  readonly tensors: readonly TensorInfo[];
}

/** How headers cross: tensors lie back to back, so names and kinds (dtype, shape, bytes) tell all positions. */
interface Headers {
  readonly kinds: readonly (readonly [dtype: string, shape: readonly number[], bytes: number])[];
  readonly files: readonly (Omit<SafetensorsFile, 'tensors'> & {
    readonly names: readonly string[];
    readonly kinds: readonly number[];
  })[];
}

/** Reads and checks the headers of safetensors files. Throws SOURCE_TRUNCATED, SOURCE_HEADER_INVALID, READ_FAILED. */
export async function inspectSafetensors(paths: readonly string[]): Promise<SafetensorsFile[]> {
  const headers = JSON.parse(await settled(() => binding().inspect([...paths]))) as Headers;
  return headers.files.map(({ names, kinds, ...header }, file) => {
    let end = 8 + header.headerBytes;
    const tensors = names.map((name, at) => {
      const [dtype, shape, bytes] = headers.kinds[kinds[at] as number] as Headers['kinds'][number];
      const begin = end;
      end += bytes;
      return { name, dtype, shape, begin, end, file };
    });
    return { ...header, tensors };
  });
}
