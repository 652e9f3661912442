import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs';

/** A plan executed by the slowest possible reader: one element at a time, for small sources only. */
const BYTES: Record<string, number> = {
  F8_E8M0: 1,
  int32: 4,
  BF16: 2,
  F16: 2,
  F32: 4,
  F8_E4M3: 1,
  U8: 1,
  I32: 4,
  bfloat16: 2,
  float16: 2,
  float32: 4,
};

const ONE: Record<string, readonly number[]> = {
  bfloat16: [0x80, 0x3f],
  float16: [0x00, 0x3c],
  float32: [0x00, 0x00, 0x80, 0x3f],
};

interface Copy {
  tensor: number;
  start: number[];
  size: number[];
  offset: number;
  strides: number[];
  op?: { kind: string; scale?: number; block?: readonly [number, number]; columns?: number; group?: number };
}
interface PlanLike {
  sources: readonly { path: string }[];
  tensors: readonly {
    name: string;
    source: number;
    dtype: string;
    shape: readonly number[];
    begin: number;
    end: number;
  }[];
  forms: readonly unknown[];
  keys: readonly { key: string; dtype: string; shape: readonly number[] }[];
  files: readonly { items: readonly unknown[] }[];
}
interface Form {
  sizes: number[];
  extent: number[];
  copies: Copy[];
  fill?: 'zero' | 'one';
}
interface Item {
  key: number;
  offsets: number[];
  form: number;
  tensors: number[];
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
      const form = plan.forms[item.form] as Form;
      chunks[item.key]?.push([item.offsets, form.sizes]);
      const width = BYTES[key.dtype] ?? 0;
      const chunk = new Uint8Array(product(form.sizes) * width);
      if (form.fill === 'one')
        for (let i = 0; i < chunk.length; i += width) chunk.set(ONE[key.dtype] ?? [], i);
      for (const copy of form.copies) {
        const number = item.tensors[copy.tensor] ?? -1;
        const tensor = plan.tensors[number];
        const file = files[tensor?.source ?? -1];
        if (tensor === undefined || file === undefined) throw new Error('bad tensor');
        forEachIndex(copy.size, (index) => {
          const at = dot(
            index.map((n, d) => n + (copy.start[d] ?? 0)),
            rowMajor(form.extent),
          );
          const element = copy.offset + dot(index, copy.strides);
          if (copy.op === undefined) {
            const from = tensor.begin + element * (BYTES[tensor.dtype] ?? 0);
            castElement(file, from, tensor.dtype, chunk, at * width, key.dtype);
          } else {
            const bits = operate(plan, files, inPlan(copy.op, item), number, element);
            castElement(
              bits,
              0,
              copy.op.kind === 'minus_one' ? tensor.dtype : 'BF16',
              chunk,
              at * width,
              key.dtype,
            );
          }
        });
      }
      const strides = rowMajor(key.shape);
      let n = 0;
      forEachIndex(form.sizes, (index) => {
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

/** An operation whose sources are numbered as the plan numbers them. */
function inPlan(op: NonNullable<Copy['op']>, { tensors }: Item): NonNullable<Copy['op']> {
  return op.scale === undefined ? op : { ...op, scale: tensors[op.scale] as number };
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
  return { bytes: statSync(path).size, tensors };
}

/** The bytes of an element after its operation, in the dtype that the operation rounds to. */
function operate(
  plan: PlanLike,
  files: readonly Uint8Array[],
  op: NonNullable<Copy['op']>,
  position: number,
  element: number,
): Uint8Array {
  const load = (n: number, i: number): { value: number; dtype: string } => {
    const tensor = plan.tensors[n];
    const file = files[tensor?.source ?? -1];
    if (tensor === undefined || file === undefined) throw new Error('bad tensor');
    return {
      value: toFloat(file, tensor.begin + i * (BYTES[tensor.dtype] ?? 0), tensor.dtype),
      dtype: tensor.dtype,
    };
  };
  if (op.kind === 'dequant_mxfp4') {
    const byte = load(position, element >> 1).value;
    const nibble = element % 2 === 0 ? byte & 15 : byte >> 4;
    const exponent = load(op.scale ?? -1, Math.floor(element / 32)).value - 127;
    const magnitude = [0, 0.5, 1, 1.5, 2, 3, 4, 6][nibble & 7] ?? 0;
    return roundToBfloat16((nibble & 8 ? -1 : 1) * magnitude * 2 ** exponent);
  }
  if (op.kind === 'dequant_int4') {
    const words = plan.tensors[position];
    const file = files[words?.source ?? -1];
    if (words === undefined || file === undefined) throw new Error('bad tensor');
    const at = words.begin + 4 * Math.floor(element / 8);
    const word = new DataView(file.buffer, file.byteOffset + at, 4).getUint32(0, true);
    const factor = load(op.scale ?? -1, Math.floor(element / (op.group ?? 1))).value;
    return roundToBfloat16((((word >>> (4 * (element % 8))) & 15) - 8) * factor);
  }
  const { value, dtype } = load(position, element);
  const bits = new Uint8Array(new Float32Array([value - 1]).buffer);
  if (op.kind === 'minus_one') {
    const out = new Uint8Array(BYTES[dtype] ?? 0);
    castElement(bits, 0, 'F32', out, 0, { BF16: 'bfloat16', F16: 'float16', F32: 'float32' }[dtype] ?? '');
    return out;
  }
  if (op.kind !== 'dequant_block') throw new Error(`operation ${op.kind} is not known`);
  const { scale = -1, block = [1, 1], columns = 1, rounded = false } = op;
  const row = Math.floor(Math.floor(element / columns) / block[0]);
  const column = Math.floor((element % columns) / block[1]);
  const factor = load(scale, row * Math.ceil(columns / block[1]) + column).value;
  return roundToBfloat16(value * (rounded ? toFloat(roundToBfloat16(factor), 0, 'BF16') : factor));
}

function roundToBfloat16(value: number): Uint8Array {
  const out = new Uint8Array(2);
  castElement(new Uint8Array(new Float32Array([value]).buffer), 0, 'F32', out, 0, 'bfloat16');
  return out;
}

function toFloat(from: Uint8Array, at: number, dtype: string): number {
  if (dtype === 'U8') return from[at] ?? 0;
  if (dtype === 'F8_E8M0') return 2 ** ((from[at] ?? 0) - 127);
  if (dtype === 'F8_E4M3') return float8ToFloat(from[at] ?? 0);
  const out = new Uint8Array(4);
  castElement(from, at, dtype, out, 0, 'float32');
  return new DataView(out.buffer).getFloat32(0, true);
}

/** e4m3fn: no infinities, and a NaN for each sign. */
function float8ToFloat(byte: number): number {
  const sign = byte & 0x80 ? -1 : 1;
  const exponent = (byte >> 3) & 15;
  const fraction = byte & 7;
  if (exponent === 15 && fraction === 7) return Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -9;
  return sign * (1 + fraction / 8) * 2 ** (exponent - 7);
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
  const same = { BF16: 'bfloat16', F16: 'float16', F32: 'float32', I32: 'int32' }[source];
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
