const MARKERS = ['KEY', 'TOKEN', 'SECRET', 'PASSWORD', 'PASSWD', 'CREDENTIAL'] as const;

/** Whether a name looks like that of a secret. Rather too often than too seldom: `tokenizer` counts. */
export function isSensitive(name: string): boolean {
  const upper = name.toUpperCase();
  return MARKERS.some((marker) => upper.includes(marker));
}
