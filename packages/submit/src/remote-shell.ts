import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { NemotronError } from '@nemotron-convert/core';
import type { Context } from './job.js';
import type { ProfileValues } from './profile.js';

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  /** The bytes of stdout. */
  readonly raw: Buffer;
  readonly stderr: string;
}

/** Where commands of the cluster run: the login node over ssh, or here. */
export interface RemoteShell {
  readonly name: string;
  readonly run: (command: string, input?: Buffer | AsyncIterable<Buffer>) => Promise<CommandResult>;
  /** Ends the login that the commands shared. */
  readonly close: () => Promise<void>;
}

/** With `tunnel = "ssh"` the user's own client and its configuration; otherwise sbatch is expected here. */
export function openShell(values: ProfileValues, { env }: Context): RemoteShell {
  const tunnel = values.text('tunnel');
  if (tunnel === undefined) {
    return {
      name: 'this machine',
      run: (command, input) => execute('bash', ['-c', command], input, env),
      close: async () => {},
    };
  }
  if (tunnel !== 'ssh') throw values.invalid('tunnel', `must be ssh, not ${tunnel}`);
  const host = values.text('host') ?? 'localhost';
  const user = values.text('user');
  const name = user === undefined ? host : `${user}@${host}`;
  if (name.startsWith('-')) throw values.invalid('host', `cannot start with a dash: ${name}`);
  const identity = values.text('identity')?.replace(/^~(?=\/)/, env['HOME'] ?? homedir());
  // Sockets have short names, and some systems' temporary directories long ones; Windows has no shared logins.
  const control = process.platform === 'win32' ? undefined : mkdtempSync('/tmp/nemotron-ssh-');
  const shared = control === undefined ? [] : ['-o', `ControlPath=${control}/%C`];
  const words = [
    '-T',
    // One login for all commands of a submission.
    ...shared,
    ...(control === undefined ? [] : ['-o', 'ControlMaster=auto', '-o', 'ControlPersist=60']),
    ...['-o', 'ServerAliveInterval=15'],
    ...(identity === undefined ? [] : ['-i', identity]),
    name,
  ];
  return {
    name,
    run: async (command, input) => {
      const result = await execute('ssh', [...words, '--', command], input, env);
      if (result.code === 255) throw sshFailure(name, result.stderr);
      return result;
    },
    close: async () => {
      if (control === undefined) return;
      // Where no login is left there is nothing to end.
      await execute('ssh', [...shared, '-O', 'exit', name], undefined, env).catch(() => undefined);
      await rm(control, { recursive: true, force: true });
    },
  };
}

/** ssh's own failures have the code 255; its words say which. */
function sshFailure(name: string, stderr: string): NemotronError {
  const said = stderr.trim().split('\n').at(-1) ?? '';
  const isRefused = /permission denied|authentication|host key verification|too many/i.test(stderr);
  return new NemotronError(isRefused ? 'REMOTE_AUTH' : 'REMOTE_UNREACHABLE', `ssh ${name}: ${said}`, {
    facts: { host: name },
    hint: `\`ssh ${name}\` in a terminal shows more`,
  });
}

function execute(
  program: string,
  words: readonly string[],
  input: Buffer | AsyncIterable<Buffer> | undefined,
  env: Context['env'],
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, {
      env: { ...env },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => err.push(chunk));
    child.on('error', (cause) =>
      reject(
        new NemotronError('REMOTE_UNREACHABLE', `${program} cannot be started: ${cause.message}`, { cause }),
      ),
    );
    child.on('close', (code) => {
      const raw = Buffer.concat(out);
      resolve({ code: code ?? 1, stdout: raw.toString(), raw, stderr: Buffer.concat(err).toString() });
    });
    if (input === undefined || child.stdin === null) return;
    const { stdin } = child;
    // A command that ends early closes its input; its exit code says why.
    stdin.on('error', () => {});
    void feed(stdin, input);
  });
}

async function feed(stdin: NodeJS.WritableStream, input: Buffer | AsyncIterable<Buffer>): Promise<void> {
  if (Buffer.isBuffer(input)) {
    stdin.end(input);
    return;
  }
  for await (const chunk of input) {
    if (!stdin.write(chunk))
      await new Promise<void>((resolve) => stdin.once('drain', resolve).once('error', () => resolve()));
  }
  stdin.end();
}
