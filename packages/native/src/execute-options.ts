export interface ExecuteOptions {
  /** Existing directory that the plan's paths are relative to. */
  readonly root: string;
  /** Only the files of this rank. */
  readonly rank?: number;
  readonly threads?: number;
  /** Bytes for buffers. */
  readonly memory?: number;
  readonly readMode?: 'auto' | 'pread' | 'direct' | 'mmap';
  readonly writeMode?: 'auto' | 'direct' | 'dontcache' | 'buffered';
  /** How unchanged blocks are taken over from the source, in plans that `share`; the default `off` writes them. */
  readonly zeroCopy?: 'off' | 'clone' | 'copy_file_range';
  /** What computes: `cpu` (the default), `auto`, or GPUs by number as `cuda:0,1`. The bytes are the same. */
  readonly compute?: string;
  /** Wait until everything is on the disk; default true. */
  readonly sync?: boolean;
  /** File of the journal, relative to the root: a run of the plan with the same `digest` goes on from it. */
  readonly journal?: string;
  readonly digest?: string;
  /** Numbers of the plan's sources that can be read now; all when absent. What needs others is left to another run. */
  readonly ready?: readonly number[];
}
