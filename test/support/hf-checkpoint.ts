import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspectSafetensors, type TensorInfo } from '@nemotron-convert/native';

/** A tensor with its bytes and the file that it is in. */
export interface StoredTensor extends TensorInfo {
  readonly file: string;
  readonly data: Buffer;
}

/** Every tensor of a Hugging Face checkpoint, by name. */
export async function tensorsOf(path: string): Promise<Map<string, StoredTensor>> {
  const names = readdirSync(path)
    .filter((name) => name.endsWith('.safetensors'))
    .sort();
  const files = await inspectSafetensors(names.map((name) => join(path, name)));
  const all = files.flatMap(({ tensors }, at) => {
    const file = names[at] as string;
    const bytes = readFileSync(join(path, file));
    return tensors.map((tensor) => ({ ...tensor, file, data: bytes.subarray(tensor.begin, tensor.end) }));
  });
  return new Map(all.map((tensor) => [tensor.name, tensor]));
}
