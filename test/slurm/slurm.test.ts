import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { convertStep, nemotron } from '../support/cli.js';
import { FIXTURES } from '../support/golden.js';
import { until } from '../support/wait.js';
import { Cluster, whyNot } from './cluster.js';
import { hasSshd, LoginNode } from './login-node.js';

const reason = whyNot();
const SOURCE = join(FIXTURES, 'llama');
/** A container needs a plugin that Debian has not. */
const NO_CONTAINER = 'run.env.container_image=none';

describe.skipIf(reason !== undefined)(
  reason === undefined ? 'a real Slurm' : `a real Slurm (skipped: ${reason})`,
  () => {
    const cluster = new Cluster();
    const work = mkdtempSync(join(tmpdir(), 'slurm-work-'));
    const jobs = join(work, 'jobs');
    const local = join(work, 'local');
    const localFour = join(work, 'local-four');

    beforeAll(async () => {
      await cluster.start();
      const one = await convertStep({ hf_model_id: SOURCE, megatron_path: local, tp: '2' }, { cwd: work });
      expect(one.exit, one.stderr).toBe(0);
      // The ranks of a job have files of their own, so the reference for four ranks is made by four.
      const overrides = { hf_model_id: SOURCE, megatron_path: localFour, tp: '2', ep: '1' };
      const four = await Promise.all(
        ['0', '1', '2', '3'].map((RANK) =>
          convertStep(overrides, { cwd: work, env: { RANK, WORLD_SIZE: '4' } }),
        ),
      );
      for (const { exit, stderr } of four) expect(exit, stderr).toBe(0);
    }, 600_000);
    afterAll(async () => {
      await cluster.stop();
      rmSync(work, { recursive: true, force: true });
    }, 60_000);

    /** Runs in a directory of its own with this profile. */
    const run = (
      profile: readonly string[],
      words: readonly string[],
      mode = '-b',
      env: Record<string, string> = {},
    ) => {
      const cwd = mkdtempSync(join(work, 'cwd-'));
      const base = [
        '[s]',
        'executor = "slurm"',
        'account = "team_acct"',
        'partition = "batch"',
        `remote_job_dir = "${jobs}"`,
        'gpus_per_node = 0',
        'time = "00:05:00"',
      ];
      const own = profile.map((line) => line.split(' = ')[0]);
      const lines = base.filter((line) => !own.includes(line.split(' = ')[0]));
      writeFileSync(join(cwd, 'env.toml'), `${[...lines, ...profile].join('\n')}\n`);
      const argv = ['steps', 'run', 'convert/hf_to_megatron', mode, 's', NO_CONTAINER, 'ep=1', ...words];
      return nemotron(argv, { cwd, env: { ...cluster.env, ...env } });
    };
    const source = (target: string): string[] => [`hf_model_id=${SOURCE}`, `megatron_path=${target}`, 'tp=2'];
    const ended = async (id: string): Promise<string> => {
      const state = (): string => {
        const shown = cluster.client('scontrol', 'show', 'job', id, '-o');
        return /JobState=(\w+)/.exec(shown)?.[1] ?? '';
      };
      const isOver = () => !/PENDING|RUNNING|COMPLETING|CONFIGURING/.test(state()) && state();
      return until(`the end of job ${id}`, isOver, 250);
    };
    const logs = (): string =>
      readdirSync(jobs, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && entry.name.endsWith('.out'))
        .flatMap((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8').split('\n'))
        .filter((line) => /error|hint/i.test(line))
        .join('\n');
    const hashes = (dir: string): Record<string, string> =>
      Object.fromEntries(
        readdirSync(join(dir, 'iter_0000000'))
          .filter((name) => name.endsWith('.distcp'))
          .map((name) => [
            name,
            createHash('sha256')
              .update(readFileSync(join(dir, 'iter_0000000', name)))
              .digest('hex'),
          ]),
      );

    test('-b converts with four ranks on two nodes: the same bytes as here', async () => {
      const target = join(work, 'four');
      const submitted = await run(['nodes = 2', 'ntasks_per_node = 2'], source(target));
      expect(submitted.stderr).toContain('submitted as job');
      expect(submitted.exit).toBe(0);
      expect(await ended(submitted.stdout.trim()), logs()).toBe('COMPLETED');
      expect(hashes(target)).toEqual(hashes(localFour));
      expect(existsSync(join(target, 'iter_0000000', '.metadata'))).toBe(true);
      expect((await nemotron(['verify', target])).exit).toBe(0);
    });

    test('-r stays, streams the log, and succeeds', async () => {
      const target = join(work, 'one');
      const attached = await run(['nodes = 1', 'ntasks_per_node = 1'], source(target), '-r');
      expect(attached.stdout, attached.stderr).toContain(`Converting ${SOURCE}`);
      expect(attached.exit).toBe(0);
      expect(hashes(target)).toEqual(hashes(local));
    });

    test('-r returns the exit code of the job', async () => {
      const attached = await run(
        ['ntasks_per_node = 1'],
        ['hf_model_id=/nowhere', `megatron_path=${join(work, 'x')}`],
        '-r',
      );
      expect(attached.stdout).toContain('error[E0301]');
      expect(attached.exit).toBe(3);
    });

    test('a killed rank is resumed by submitting again', async () => {
      const target = join(work, 'resumed');
      const flag = join(work, 'go');
      const wait = `startup_commands = ["[ $RANK != 1 ] || [ -f ${flag} ] || sleep 600"]`;
      const first = await run(['nodes = 2', 'ntasks_per_node = 2', wait], source(target));
      const id = first.stdout.trim();
      // The other three have finished and wait for nobody.
      const finished = (): number =>
        existsSync(`${target}.partial`)
          ? readdirSync(`${target}.partial`).filter((name) => name.startsWith('done-')).length
          : 0;
      await until('three ranks that have finished', () => finished() === 3, 250);
      cluster.client('scancel', id);
      expect(await ended(id)).toBe('CANCELLED');
      expect(existsSync(target)).toBe(false);

      writeFileSync(flag, '');
      const second = await run(['nodes = 2', 'ntasks_per_node = 2', wait], source(target));
      expect(await ended(second.stdout.trim()), logs()).toBe('COMPLETED');
      expect(hashes(target)).toEqual(hashes(localFour));
    });

    test('a cancelled job ends an attached run with 8', async () => {
      const attached = run(
        ['ntasks_per_node = 1', 'startup_commands = ["sleep 600"]'],
        source(join(work, 'never')),
        '-r',
      );
      const running = () => cluster.client('squeue', '-h', '-t', 'R', '-o', '%i').trim() || undefined;
      const id = await until('a running job', running, 250);
      cluster.client('scancel', id);
      const { exit, stderr } = await attached;
      expect(stderr).toContain('CANCELLED');
      expect(exit).toBe(8);
    });

    test('secrets are in no file of the job, and their own file is gone afterwards', async () => {
      const target = join(work, 'secret');
      const submitted = await run(
        ['ntasks_per_node = 1', 'env_vars = { MY_TOKEN = "s3cr3t value", PLAIN = "two words" }'],
        source(target),
      );
      expect(await ended(submitted.stdout.trim())).toBe('COMPLETED');
      const files = readdirSync(jobs, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && !entry.parentPath.includes('.nemotron-tool'))
        .map((entry) => join(entry.parentPath, entry.name))
        .filter((file) => statSync(file).size < 1_000_000);
      expect(files.filter((file) => readFileSync(file, 'utf8').includes('s3cr3t'))).toEqual([]);
      expect(readdirSync(join(jobs, '.nemotron-secrets'))).toEqual([]);
      expect(files.some((file) => readFileSync(file, 'utf8').includes("export PLAIN='two words'"))).toBe(
        true,
      );
    });

    test.each([
      ['a wrong partition', ['partition = "nope"'], 8, 'invalid partition'],
      ['a time that is none', ['time = "soon"'], 8, 'invalid'],
      ['no account', ['account = ""'], 1, 'account required'],
      ['an unreachable host', ['tunnel = "ssh"', 'host = "nowhere.invalid"'], 7, 'nowhere.invalid'],
    ])('%s is a clear error', async (_, profile, exit, words) => {
      const refused = await run(profile, source(join(work, 'refused')));
      expect(refused.stderr.toLowerCase()).toContain(words);
      expect(refused.exit).toBe(exit);
    });

    test.skipIf(!hasSshd())('over ssh: the same, with secrets, and a refused key is told', async () => {
      const login = new LoginNode(join(work, 'login'), cluster.env);
      await login.start();
      try {
        const target = join(work, 'over-ssh');
        const tunnel = ['tunnel = "ssh"', 'host = "login"', 'ntasks_per_node = 1'];
        const secret = 'env_vars = { MY_TOKEN = "s3cr3t \'quoted\'" }';
        const path = `${login.bin}:${cluster.env['PATH']}`;
        const profile = [...tunnel, secret, `identity = "${login.identity}"`];
        const attached = await run(profile, source(target), '-r', { PATH: path });
        expect(attached.exit, attached.stderr).toBe(0);
        expect(attached.stdout).toContain(`Converting ${SOURCE}`);
        expect(hashes(target)).toEqual(hashes(local));

        const refused = await run(tunnel, source(join(work, 'refused')), '-b', { PATH: path });
        expect(refused.exit, refused.stderr).toBe(7);
        expect(refused.stderr).toContain('Permission denied');
      } finally {
        login.stop();
      }
    });

    test('a dry run is accepted by sbatch as it is', async () => {
      mkdirSync(join(work, 'dry'), { recursive: true });
      const shown = await run(['ntasks_per_node = 1'], [...source(join(work, 'dry', 'm')), '-d', '--json']);
      const { submission } = JSON.parse(shown.stdout) as {
        submission: { files: { path: string; text: string }[] };
      };
      const [script] = submission.files;
      const file = join(work, 'dry', 'job.sh');
      writeFileSync(file, script?.text ?? '');
      expect(cluster.client('sbatch', '--test-only', file)).toBe('');
    });
  },
);
