import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

/** A plan executed by the slowest possible reader: one element at a time, for small sources only. */
const BYTES: Record<string, number> = { BF16: 2, F16: 2, F32: 4, bfloat16: 2, float16: 2, float32: 4 };

interface Copy {
  tensor: number;
  start: number[];
  size: number[];
  offset: number;
  strides: number[];
  op?: { kind: string };
}
interface PlanLike {
  sources: readonly { path: string }[];
  tensors: readonly { name: string; source: number; dtype: string; begin: number; end: number }[];
  keys: readonly { key: string; dtype: string; shape: readonly number[] }[];
  files: readonly { items: readonly unknown[] }[];
}
interface Item {
  key: number;
  offsets: number[];
  sizes: number[];
  extent: number[];
  copies: Copy[];
}

export interface Replayed {
  dtype: string;
  shape: readonly number[];
  chunks: [number[], number[]][];
  sha256: string;
}

/** Every global tensor of the plan with its chunk grid and the SHA-256 of its row-major bytes. */
export function replay(plan: PlanLike): Map<string, Replayed> {
  const files = plan.sources.map(({ path }) => readFileSync(path));
  const globals = plan.keys.map(({ dtype, shape }) => new Uint8Array(product(shape) * (BYTES[dtype] ?? 0)));
  const chunks = plan.keys.map(() => [] as [number[], number[]][]);
  for (const { items } of plan.files) {
    for (const item of items as Item[]) {
      if (typeof item.key !== 'number') continue;
      const key = plan.keys[item.key];
      const out = globals[item.key];
      if (key === undefined || out === undefined) throw new Error('bad key');
      chunks[item.key]?.push([item.offsets, item.sizes]);
      const width = BYTES[key.dtype] ?? 0;
      const chunk = new Uint8Array(product(item.sizes) * width);
      for (const copy of item.copies) {
        const tensor = plan.tensors[copy.tensor];
        const file = files[tensor?.source ?? -1];
        if (tensor === undefined || file === undefined) throw new Error('bad tensor');
        forEachIndex(copy.size, (index) => {
          const at = dot(
            index.map((n, d) => n + (copy.start[d] ?? 0)),
            rowMajor(item.extent),
          );
          const from = tensor.begin + (copy.offset + dot(index, copy.strides)) * (BYTES[tensor.dtype] ?? 0);
          castElement(file, from, tensor.dtype, chunk, at * width, key.dtype);
        });
      }
      const strides = rowMajor(key.shape);
      let n = 0;
      forEachIndex(item.sizes, (index) => {
        const at = dot(
          index.map((k, d) => k + (item.offsets[d] ?? 0)),
          strides,
        );
        out.set(chunk.subarray(n * width, (n + 1) * width), at * width);
        n += 1;
      });
    }
  }
  return new Map(
    plan.keys.map(({ key, dtype, shape }, i) => [
      key,
      {
        dtype,
        shape,
        chunks: chunks[i] ?? [],
        sha256: createHash('sha256')
          .update(globals[i] ?? '')
          .digest('hex'),
      },
    ]),
  );
}

/** The tensors of a safetensors file, without checks. */
export function readHeader(path: string): {
  bytes: number;
  tensors: { name: string; dtype: string; shape: number[]; begin: number; end: number }[];
} {
  const fd = openSync(path, 'r');
  const head = Buffer.alloc(8);
  readSync(fd, head, 0, 8, 0);
  const length = Number(head.readBigUInt64LE());
  const json = Buffer.alloc(length);
  readSync(fd, json, 0, length, 8);
  closeSync(fd);
  const header = JSON.parse(json.toString()) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, { dtype, shape, data_offsets }]) => ({
      name,
      dtype,
      shape,
      begin: 8 + length + data_offsets[0],
      end: 8 + length + data_offsets[1],
    }));
  return { bytes: readFileSync(path).length, tensors };
}

function castElement(
  from: Uint8Array,
  at: number,
  source: string,
  to: Uint8Array,
  dst: number,
  target: string,
): void {
  const view = new DataView(from.buffer, from.byteOffset + at, BYTES[source]);
  const out = new DataView(to.buffer, to.byteOffset + dst, BYTES[target]);
  const same = { BF16: 'bfloat16', F16: 'float16', F32: 'float32' }[source];
  if (same === target) {
    for (let i = 0; i < (BYTES[target] ?? 0); i += 1) out.setUint8(i, view.getUint8(i));
    return;
  }
  const bits = new DataView(new ArrayBuffer(4));
  if (source === 'F32') bits.setUint32(0, view.getUint32(0, true));
  else if (source === 'BF16') bits.setUint32(0, view.getUint16(0, true) << 16);
  else bits.setFloat32(0, halfToFloat(view.getUint16(0, true)));
  if (target === 'float32') out.setUint32(0, bits.getUint32(0), true);
  else if (target === 'bfloat16') {
    const word = bits.getUint32(0);
    out.setUint16(0, (word + 0x7fff + ((word >>> 16) & 1)) >>> 16, true);
  } else out.setUint16(0, floatToHalf(bits.getFloat32(0)), true);
}

function halfToFloat(h: number): number {
  const sign = h & 0x8000 ? -1 : 1;
  const exponent = (h >> 10) & 31;
  const fraction = h & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Round to nearest, ties to even. */
function floatToHalf(x: number): number {
  const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0;
  const a = Math.abs(x);
  if (a === 0) return sign;
  const exponent = Math.max(Math.floor(Math.log2(a)), -14);
  const scaled = a / 2 ** (exponent - 10);
  const floor = Math.floor(scaled);
  const rest = scaled - floor;
  const rounded = floor + (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? 1 : 0);
  const bits = exponent === -14 && rounded < 1024 ? rounded : ((exponent + 15) << 10) + rounded - 1024;
  return sign | Math.min(bits, 0x7c00);
}

function forEachIndex(size: readonly number[], visit: (index: number[]) => void): void {
  const index = size.map(() => 0);
  for (let left = product(size); left > 0; left -= 1) {
    visit(index);
    for (let d = size.length - 1; d >= 0; d -= 1) {
      index[d] = (index[d] ?? 0) + 1;
      if ((index[d] ?? 0) < (size[d] ?? 0)) break;
      index[d] = 0;
    }
  }
}

function rowMajor(shape: readonly number[]): number[] {
  return shape.map((_, d) => product(shape.slice(d + 1)));
}

function product(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, x, d) => sum + x * (b[d] ?? 0), 0);
}
