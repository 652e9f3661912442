import { writeFileSync } from 'node:fs';

export interface HeaderEntry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/** A safetensors file from a header (an object, or the raw text of one) and its data. */
export function writeSafetensors(
  path: string,
  header: Readonly<Record<string, unknown>> | string,
  data: Uint8Array,
  claimedLength?: bigint,
): void {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(claimedLength ?? BigInt(json.length));
  writeFileSync(path, Buffer.concat([length, json, data]));
}
