/** A tensor of the source: its header entry, and the file that holds it. */
export interface SourceTensor {
  readonly name: string;
  /** safetensors dtype name. */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Absolute byte range in the file. */
  readonly begin: number;
  readonly end: number;
  /** Index into the source's files. */
  readonly file: number;
}
