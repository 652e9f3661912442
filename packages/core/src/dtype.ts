/** The dtype table: safetensors name, torch name, bits an element. */
export interface DtypeRow {
  readonly safetensors: string;
  readonly torch: string;
  readonly bits: number;
  /** Whether a floating cast to the target dtypes exists. */
  readonly castable: boolean;
}

export const DTYPES: readonly DtypeRow[] = [
  { safetensors: 'BF16', torch: 'bfloat16', bits: 16, castable: true },
  { safetensors: 'F16', torch: 'float16', bits: 16, castable: true },
  { safetensors: 'F32', torch: 'float32', bits: 32, castable: true },
  { safetensors: 'F64', torch: 'float64', bits: 64, castable: false },
  { safetensors: 'F8_E4M3', torch: 'float8_e4m3fn', bits: 8, castable: true },
  { safetensors: 'F8_E5M2', torch: 'float8_e5m2', bits: 8, castable: false },
  { safetensors: 'F8_E8M0', torch: 'float8_e8m0fnu', bits: 8, castable: false },
  { safetensors: 'U8', torch: 'uint8', bits: 8, castable: false },
  { safetensors: 'I8', torch: 'int8', bits: 8, castable: false },
  { safetensors: 'I16', torch: 'int16', bits: 16, castable: false },
  { safetensors: 'I32', torch: 'int32', bits: 32, castable: false },
  { safetensors: 'I64', torch: 'int64', bits: 64, castable: false },
  { safetensors: 'BOOL', torch: 'bool', bits: 8, castable: false },
];

/** The dtypes a checkpoint can be written in. */
export const TARGET_DTYPES = ['bfloat16', 'float16', 'float32'] as const;
export type TargetDtype = (typeof TARGET_DTYPES)[number];

/** The torch name of a safetensors dtype; that itself where it is none. */
export function torchName(safetensors: string): string {
  return DTYPES.find((row) => row.safetensors === safetensors)?.torch ?? safetensors;
}

export function dtypeBytes(torch: string): number {
  const found = DTYPES.find((row) => row.torch === torch);
  if (found === undefined) throw new TypeError(`unknown torch dtype ${torch}`);
  return found.bits / 8;
}
