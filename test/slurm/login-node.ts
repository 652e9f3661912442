import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { until } from '../support/wait.js';

/** Whether there is an ssh server to start. */
export function hasSshd(): boolean {
  return spawnSync('/usr/sbin/sshd', ['-V'], { stdio: 'ignore' }).error === undefined;
}

/** An ssh server on loopback whose sessions see a cluster, and an `ssh` that knows the way to it as `login`. */
export class LoginNode {
  #server: ChildProcess | undefined;

  constructor(
    private readonly dir: string,
    private readonly env: Readonly<Record<string, string>>,
  ) {}

  /** A directory for PATH: its ssh reads a configuration of its own, as the user's would be. */
  get bin(): string {
    return join(this.dir, 'bin');
  }

  async start(): Promise<void> {
    mkdirSync(this.bin, { recursive: true });
    mkdirSync('/run/sshd', { recursive: true });
    const at = (name: string): string => join(this.dir, name);
    for (const name of ['host_key', 'user_key']) {
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(name)]);
    }
    copyFileSync(at('user_key.pub'), at('authorized_keys'));
    const port = await freePort();
    const lines = [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${at('host_key')}`,
      `AuthorizedKeysFile ${at('authorized_keys')}`,
      `PidFile ${at('sshd.pid')}`,
      'StrictModes no',
      'PermitRootLogin prohibit-password',
      'PasswordAuthentication no',
      'UsePAM no',
      `SetEnv SLURM_CONF=${this.env['SLURM_CONF']} PATH=${this.env['PATH']}`,
    ];
    writeFileSync(at('sshd_config'), `${lines.join('\n')}\n`);
    const config = [
      'Host login',
      '  HostName 127.0.0.1',
      `  Port ${port}`,
      '  User root',
      '  StrictHostKeyChecking no',
      `  UserKnownHostsFile ${at('known_hosts')}`,
      '  LogLevel ERROR',
    ];
    writeFileSync(at('ssh_config'), `${config.join('\n')}\n`);
    writeFileSync(join(this.bin, 'ssh'), `#!/bin/sh\nexec /usr/bin/ssh -F ${at('ssh_config')} "$@"\n`);
    chmodSync(join(this.bin, 'ssh'), 0o755);
    this.#server = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', at('sshd_config')], { stdio: 'ignore' });
    await until('an answer of sshd', () => answers(port), 100);
  }

  get identity(): string {
    return join(this.dir, 'user_key');
  }

  stop(): void {
    this.#server?.kill();
  }
}

function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => socket.destroy() && resolve(true)).once('error', () => resolve(false));
  });
}
