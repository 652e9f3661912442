import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../support/wait.js';

const PROGRAMS = ['munged', 'slurmctld', 'slurmd', 'sbatch', 'srun', 'scancel'];
const PATH = `/usr/sbin:/sbin:${process.env['PATH'] ?? ''}`;
const CPUS = 8;
const ATTEMPTS = 3;

/** Why no cluster can be started here; undefined when one can. */
export function whyNot(): string | undefined {
  const missing = () => PROGRAMS.filter((name) => spawnSync('which', [name], { env: { PATH } }).status !== 0);
  if (userInfo().uid !== 0) return 'slurmd needs root';
  if (missing().length > 0) {
    spawnSync('apt-get', ['install', '-y', '-q', 'slurm-wlm', 'munge'], {
      stdio: 'ignore',
      timeout: 180_000,
      env: { PATH, DEBIAN_FRONTEND: 'noninteractive' },
    });
  }
  const absent = missing();
  return absent.length === 0 ? undefined : `not installed and not installable: ${absent.join(', ')}`;
}

/** A Slurm of two nodes on this machine: munged, slurmctld and two slurmd on loopback, below one directory. */
export class Cluster {
  readonly dir = mkdtempSync(join(tmpdir(), 'slurm-'));
  readonly #children: ChildProcess[] = [];

  /** What clients of this cluster need. */
  get env(): Record<string, string> {
    return { PATH, SLURM_CONF: join(this.dir, 'slurm.conf'), HOME: this.dir, USER: 'root', LANG: 'C.UTF-8' };
  }

  async start(): Promise<void> {
    chmodSync(this.dir, 0o755);
    mkdirSync(join(this.dir, 'munge'), { mode: 0o755 });
    const at = (name: string): string => join(this.dir, 'munge', name);
    writeFileSync(at('key'), Buffer.alloc(1024, 'loopback'), { mode: 0o400 });
    this.#spawn('munged', [
      ...['--foreground', '--force', `--key-file=${at('key')}`, `--socket=${at('socket')}`],
      ...[`--pid-file=${at('pid')}`, `--log-file=${at('log')}`, `--seed-file=${at('seed')}`],
    ]);
    await until('munged', () => existsSync(at('socket')));
    // A port that was free may be taken before a daemon has it: then all begin again with others.
    for (let attempt = 1; !(await this.#up()); attempt++) {
      await this.#end(this.#children.splice(1));
      if (attempt === ATTEMPTS) throw new Error(`the cluster does not come up:\n${this.#lastWords()}`);
    }
  }

  /** Starts the daemons; true when both nodes are idle, false when a daemon ended. */
  async #up(): Promise<boolean> {
    for (const name of ['state', 'n1', 'n2']) {
      rmSync(join(this.dir, name), { recursive: true, force: true });
      mkdirSync(join(this.dir, name), { mode: 0o755 });
    }
    const config = join(this.dir, 'slurm.conf');
    writeFileSync(config, this.#config(await freePorts(3)));
    this.#spawn('slurmctld', ['-D', '-f', config]);
    for (const node of ['n1', 'n2']) this.#spawn('slurmd', ['-D', '-N', node, '-f', config]);
    const outcome = await until(
      'idle nodes',
      () => {
        if (this.#children.some(({ exitCode, signalCode }) => exitCode !== null || signalCode !== null))
          return 'ended';
        const { stdout } = spawnSync('sinfo', ['-h', '-o', '%D %T'], { env: this.env, encoding: 'utf8' });
        return stdout.includes('2 idle') && 'idle';
      },
      500,
    );
    return outcome === 'idle';
  }

  #lastWords(): string {
    const logs = ['slurmctld.log', 'n1.log', 'n2.log'].map((name) => join(this.dir, name));
    const tail = (log: string): string[] => readFileSync(log, 'utf8').split('\n').slice(-5);
    return logs
      .filter((log) => existsSync(log))
      .flatMap(tail)
      .join('\n');
  }

  async stop(): Promise<void> {
    spawnSync('scancel', ['-u', 'root'], { env: this.env });
    await this.#end(this.#children.reverse());
    rmSync(this.dir, { recursive: true, force: true });
  }

  async #end(children: readonly ChildProcess[]): Promise<void> {
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await Promise.race([ended, sleep(5000, undefined, { ref: false })]);
      child.kill('SIGKILL');
      await ended;
    }
  }

  client(program: string, ...words: string[]): string {
    return execFileSync(program, words, { env: this.env, encoding: 'utf8', stdio: 'pipe' });
  }

  #spawn(program: string, words: readonly string[]): void {
    this.#children.push(spawn(program, words, { env: this.env, stdio: 'ignore' }));
  }

  #config([control = 0, first = 0, second = 0]: readonly number[]): string {
    const host = execFileSync('hostname', ['-s'], { encoding: 'utf8' }).trim();
    const node = (name: string, port: number): string =>
      `NodeName=${name} NodeHostname=${host} NodeAddr=127.0.0.1 Port=${port} CPUs=${CPUS} State=UNKNOWN`;
    return [
      'ClusterName=loopback',
      `SlurmctldHost=${host}(127.0.0.1)`,
      `SlurmctldPort=${control}`,
      'SlurmUser=root',
      'SlurmdUser=root',
      'AuthType=auth/munge',
      `AuthInfo=socket=${join(this.dir, 'munge', 'socket')}`,
      'CredType=cred/munge',
      `StateSaveLocation=${join(this.dir, 'state')}`,
      `SlurmdSpoolDir=${join(this.dir, '%n')}`,
      `SlurmctldPidFile=${join(this.dir, 'slurmctld.pid')}`,
      `SlurmdPidFile=${join(this.dir, '%n.pid')}`,
      `SlurmctldLogFile=${join(this.dir, 'slurmctld.log')}`,
      `SlurmdLogFile=${join(this.dir, '%n.log')}`,
      'SlurmdParameters=config_overrides',
      'ProctrackType=proctrack/linuxproc',
      'TaskPlugin=task/none',
      'SelectType=select/cons_tres',
      'SelectTypeParameters=CR_CPU',
      'SchedulerParameters=sched_min_interval=100000',
      'ReturnToService=2',
      'MpiDefault=none',
      'SwitchType=switch/none',
      'JobAcctGatherType=jobacct_gather/none',
      'AccountingStorageType=accounting_storage/none',
      'MinJobAge=3600',
      'KillWait=5',
      node('n1', first),
      node('n2', second),
      'PartitionName=batch Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP',
      '',
    ].join('\n');
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve) => {
          server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
        }),
    ),
  );
  for (const server of servers) server.close();
  return ports;
}
