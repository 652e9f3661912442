/** One recorded run of the Python tool: inputs by kind, and what came of it. */
export interface Case {
  readonly id: string;
  readonly about: string;
  readonly kind: string;
  readonly files?: Readonly<Record<string, string | { readonly $bytes: string }>>;
  readonly dirs?: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | null>>;
  readonly argv?: readonly string[];
  readonly config?: string;
  readonly config_dir?: string;
  readonly dotlist?: readonly string[];
  readonly passthrough?: readonly string[];
  readonly text?: string;
  readonly profile?: string;
  readonly run?: string | null;
  readonly batch?: string | null;
  readonly step?: string;
  readonly call?: string;
  readonly args?: readonly unknown[];
  readonly columns?: number;
  readonly child_rc?: number;
  readonly partial?: boolean;
  readonly expect: Expectation;
}

export interface ExpectedError {
  readonly kind: string;
  readonly message?: string;
  readonly stage?: string;
  readonly suggestions?: readonly string[];
}

export interface Expectation {
  readonly exit?: number | 'exec';
  readonly error?: ExpectedError;
  readonly [part: string]: unknown;
}
