const MARKERS = ['KEY', 'TOKEN', 'SECRET', 'PASSWORD', 'PASSWD', 'CREDENTIAL'];

/** Whether a variable's name says that its value must not be shown. */
export function isSecret(name: string): boolean {
  const upper = name.toUpperCase();
  return MARKERS.some((marker) => upper.includes(marker));
}

export interface SplitVariables {
  readonly plain: readonly (readonly [string, string])[];
  readonly secret: readonly (readonly [string, string])[];
}

export function splitVariables(variables: ReadonlyMap<string, string>): SplitVariables {
  const all = [...variables];
  return {
    plain: all.filter(([name]) => !isSecret(name)),
    secret: all.filter(([name]) => isSecret(name)),
  };
}

/** What a dry run shows instead of a secret: `<HF_TOKEN>`. */
export function named(name: string): string {
  return `<${name}>`;
}
