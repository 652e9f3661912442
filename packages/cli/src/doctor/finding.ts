/** One thing that was looked at. `bad` stops conversions or submissions; `note` is worth knowing. */
export interface Finding {
  readonly subject: string;
  readonly state: 'ok' | 'note' | 'bad';
  readonly text: string;
}

export function ok(subject: string, text: string): Finding {
  return { subject, state: 'ok', text };
}

export function note(subject: string, text: string): Finding {
  return { subject, state: 'note', text };
}

export function bad(subject: string, text: string): Finding {
  return { subject, state: 'bad', text };
}

/** What an error says, with its remedy. */
export function told(error: unknown): string {
  const { message, hint } = error as Error & { readonly hint?: string };
  return hint === undefined || hint === '' ? message : `${message}; ${hint}`;
}
