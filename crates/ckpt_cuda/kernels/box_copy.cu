// The one kernel: a strided box of source elements becomes target elements, one thread an element.
// Arithmetic is that of ckpt_tensor's casts and dequantisation, bit for bit, NaN included: see cast/element.rs.
// Compiled to box_copy.ptx by compile.sh; needs nothing of the CUDA toolkit.

#define GLOBAL __attribute__((global))
#define DEVICE static __attribute__((device)) inline

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

enum { AXES = 8 };

// Source formats and target formats, as in job.rs.
enum { F32 = 0, BF16 = 1, F16 = 2 };
enum { MOVE = 0, CAST = 1, MINUS_ONE = 2, BLOCK = 3, MXFP4 = 4, PLUS_ONE = 5 };

struct Axis {
  u32 count;
  u32 padding;
  u64 source;
  u64 target;
};

struct Params {
  u64 source;      // device address of the window
  u64 target;      // device address of the tile
  u64 scales;      // device address of the scales
  u64 first;       // tensor element of the box's first element
  u64 origin;      // tensor element at the window's first byte
  u64 at;          // tile element of the box's first element
  u64 columns;     // BLOCK: elements a row
  u64 block_rows;
  u64 block_columns;
  u64 first_scale; // BLOCK: row of the scale matrix at scales[0]; MXFP4: group at scales[0]
  u32 volume;
  u32 axes;
  u32 op;
  u32 from;        // MOVE: bytes of an element
  u32 to;
  u32 padding;
  struct Axis axis[AXES];
};

DEVICE float as_float(u32 bits) { return __builtin_bit_cast(float, bits); }
DEVICE u32 as_bits(float value) { return __builtin_bit_cast(u32, value); }

DEVICE u32 widen_f16(u32 half) {
  u32 sign = (half & 0x8000u) << 16;
  u32 magnitude = (half & 0x7fffu) << 13;
  u32 exponent = half & 0x7c00u;
  u32 min_normal = (127u - 14u) << 23;
  if (exponent == 0x7c00u) {
    u32 quiet = (half & 0x3ffu) == 0 ? 0 : 0x00400000u;
    return sign | (magnitude + 2 * ((127u - 15u) << 23)) | quiet;
  }
  if (exponent == 0) return sign | as_bits(as_float(magnitude + min_normal) - as_float(min_normal));
  return sign | (magnitude + ((127u - 15u) << 23));
}

DEVICE u32 widen(u32 format, u64 address, u64 index) {
  if (format == F32) return ((const u32 *)address)[index];
  u32 raw = ((const u16 *)address)[index];
  return format == BF16 ? raw << 16 : widen_f16(raw);
}

DEVICE u32 narrow_bf16(u32 bits, u32 nan) {
  if ((bits & 0x7fffffffu) > 0x7f800000u) return nan;
  return (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
}

DEVICE u32 narrow_f16(u32 bits) {
  u32 sign = (bits & 0x80000000u) >> 16;
  u32 magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return sign | 0x7e00u | ((magnitude >> 13) & 0x3ffu);
  if (magnitude >= (127u + 16u) << 23) return sign | 0x7c00u;
  if (magnitude < (127u - 14u) << 23) {
    u32 magic = (127u - 15u + 23u - 10u + 1u) << 23;
    return sign | (as_bits(as_float(magnitude) + as_float(magic)) - magic);
  }
  u32 odd = (magnitude >> 13) & 1u;
  return sign | ((magnitude - ((127u - 15u) << 23) + 0xfffu + odd) >> 13);
}

// The NaN that bfloat16 gets from a source format.
DEVICE u32 nan_of(u32 format) { return format == F16 ? 0x7fc0u : 0xffffu; }

DEVICE void narrow(u32 format, u32 bits, u32 nan, u64 address, u64 index) {
  if (format == F32) ((u32 *)address)[index] = bits;
  else ((u16 *)address)[index] = (u16)(format == BF16 ? narrow_bf16(bits, nan) : narrow_f16(bits));
}

// A value rounded to bfloat16, as f32 bits.
DEVICE u32 through_bf16(float value) { return narrow_bf16(as_bits(value), 0xffffu) << 16; }

DEVICE float widen_e4m3(u32 code) {
  u32 sign = (code & 0x80u) << 24;
  u32 magnitude = code & 0x7fu;
  if (magnitude == 0x7fu) return as_float(sign | 0x7fc00000u);
  u32 finite = magnitude < 8 ? as_bits((float)magnitude * as_float((127u - 9u) << 23))
                             : (magnitude << 20) + ((127u - 7u) << 23);
  return as_float(sign | finite);
}

DEVICE double widen_e2m1(u32 code) {
  u32 magnitude = code & 7u;
  double value = magnitude < 2 ? 0.5 * magnitude
                               : __builtin_bit_cast(double, ((u64)magnitude << 51) + (1022ull << 52));
  return code & 8u ? -value : value;
}

extern "C" GLOBAL void box_copy(const struct Params p) {
  u32 thread = __nvvm_read_ptx_sreg_ctaid_x() * __nvvm_read_ptx_sreg_ntid_x() + __nvvm_read_ptx_sreg_tid_x();
  if (thread >= p.volume) return;
  u64 source = p.first, target = p.at;
  u32 rest = thread;
  for (u32 axis = p.axes; axis-- > 0;) {
    u32 count = p.axis[axis].count;
    u32 next = rest / count;
    u32 index = rest - next * count;
    rest = next;
    source += index * p.axis[axis].source;
    target += index * p.axis[axis].target;
  }
  u64 local = source - p.origin;
  switch (p.op) {
  case MOVE:
    switch (p.from) {
    case 1: ((u8 *)p.target)[target] = ((const u8 *)p.source)[local]; return;
    case 2: ((u16 *)p.target)[target] = ((const u16 *)p.source)[local]; return;
    case 4: ((u32 *)p.target)[target] = ((const u32 *)p.source)[local]; return;
    default: ((u64 *)p.target)[target] = ((const u64 *)p.source)[local]; return;
    }
  case CAST: narrow(p.to, widen(p.from, p.source, local), nan_of(p.from), p.target, target); return;
  case MINUS_ONE:
  case PLUS_ONE: {
    u32 bits = as_bits(as_float(widen(p.from, p.source, local)) + (p.op == PLUS_ONE ? 1.0f : -1.0f));
    // A NaN keeps its payload, as it does in x86 arithmetic.
    u32 before = widen(p.from, p.source, local);
    if ((before & 0x7fffffffu) > 0x7f800000u) bits = before | 0x00400000u;
    if (p.from == BF16) bits = narrow_bf16(bits, 0xffffu) << 16;
    if (p.from == F16) bits = widen_f16(narrow_f16(bits));
    narrow(p.to, bits, nan_of(p.from), p.target, target);
    return;
  }
  case BLOCK: {
    u64 row = source / p.columns, column = source - row * p.columns;
    u64 width = (p.columns + p.block_columns - 1) / p.block_columns;
    u64 index = (row / p.block_rows - p.first_scale) * width + column / p.block_columns;
    float scale = ((const float *)p.scales)[index];
    u32 bits = through_bf16(widen_e4m3(((const u8 *)p.source)[local]) * scale);
    narrow(p.to, bits, 0xffffu, p.target, target);
    return;
  }
  default: {
    u32 byte = ((const u8 *)p.source)[local / 2];
    u32 code = local & 1 ? byte >> 4 : byte & 15u;
    u32 biased = ((const u8 *)p.scales)[source / 32 - p.first_scale];
    double scale = __builtin_bit_cast(double, (u64)(biased + 1023u - 127u) << 52);
    u32 bits = through_bf16((float)(widen_e2m1(code) * scale));
    narrow(p.to, bits, 0xffffu, p.target, target);
  }
  }
}
