import { withEngine } from './engine.js';
import type { Io } from './io.js';
import { runCommand } from './program.js';

/** Runs a command line and returns its exit code; errors are printed to the error output. */
export async function runCli(argv: readonly string[], io: Io): Promise<number> {
  try {
    return await withEngine(io, () => runCommand(argv, io));
  } catch (error) {
    const { errorJson, errorText, exitCode } = await import('./render/error.js');
    const { paint } = await import('./render/color.js');
    const text = errorText(error, io.env.NEMOTRON_DEBUG === '1', paint(io.err, io.env));
    io.err.write(argv.includes('--json') ? `${JSON.stringify(errorJson(error), bigintText)}\n` : text);
    return exitCode(error);
  }
}

function bigintText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
