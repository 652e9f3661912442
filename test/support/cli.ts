import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');
export const BIN = join(ROOT, 'packages/cli/bin/nemotron.js');

export interface CliResult {
  readonly exit: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The user to run as; only root can choose. */
  readonly uid?: number;
  /** Called once the process runs, to signal it. */
  readonly started?: (child: ChildProcess) => void;
}

/** Runs the built CLI in an environment that holds nothing but what the test gives it. */
export function nemotron(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const { PATH = '', HOME = '' } = process.env;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BIN, ...args], {
      cwd: options.cwd ?? ROOT,
      env: { PATH, HOME, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', (exit, signal) => resolve({ exit, signal, stdout, stderr }));
    options.started?.(child);
  });
}

/** `steps run convert/hf_to_megatron` with key=value overrides. */
export function convertStep(
  overrides: Readonly<Record<string, string>>,
  options: CliOptions = {},
): Promise<CliResult> {
  const words = Object.entries(overrides).map(([key, value]) => `${key}=${value}`);
  return nemotron(['steps', 'run', 'convert/hf_to_megatron', ...words], options);
}

/** The environment of a run in which something happens at a call that changes files; without a command it dies. */
export function atCall(moment: string, command?: string): Record<string, string> {
  return {
    NODE_OPTIONS: `--require ${join(ROOT, 'test/support/at-call.cjs')}`,
    NEMOTRON_TEST_AT: moment,
    ...(command === undefined ? {} : { NEMOTRON_TEST_COMMAND: command }),
  };
}
