/**
 * A value of Python's JSON and YAML: `bigint` is an int, `number` is a float, so that 1 and 1.0 stay apart.
 */
export type PyValue = null | boolean | bigint | number | string | readonly PyValue[] | PyMap;

export interface PyMap {
  readonly [key: string]: PyValue;
}

export function isPyMap(value: PyValue | undefined): value is PyMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
