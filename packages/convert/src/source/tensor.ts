import type { TensorInfo } from '@nemotron-convert/native';

/** A tensor of the source: its header entry with its place in a file, by the file's position among the source's. */
export type SourceTensor = TensorInfo;
