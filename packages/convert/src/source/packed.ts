import { packedFloats } from './packed-floats.js';
import { packedIntegers, partsOf } from './packed-integers.js';
import type { SourceTensor } from './tensor.js';

/** The tensors with every weight of four-bit values, floats or integers, under its own name and as its values. */
export function unpacked(tensors: ReadonlyMap<string, SourceTensor>): ReadonlyMap<string, SourceTensor> {
  let out: Map<string, SourceTensor> | null = null;
  for (const [name, tensor] of tensors) {
    const integers = packedIntegers(name, tensor, tensors);
    const values = integers ?? packedFloats(name, tensor, tensors);
    if (values === null) continue;
    out ??= new Map(tensors);
    for (const part of integers === null ? [name] : partsOf(integers)) out.delete(part);
    out.set(values.name, values);
  }
  return out ?? tensors;
}
