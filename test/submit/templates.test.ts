import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { nemotron, ROOT } from '../support/cli.js';

const cwd = mkdtempSync(join(tmpdir(), 'templates-'));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

describe.each(['slurm', 'lepton', 'dgxcloud'])('%s', (backend) => {
  const env = { USER: 'me', DGXCLOUD_CLIENT_SECRET: 's3cr3t', HF_TOKEN: 'hf_s3cr3t', NEMOTRON_ENV_FILE: '' };

  test('the starter profiles are what the generator writes', async () => {
    const argv = ['steps', 'run', 'env/env_toml', '-c', backend, `output_path=${backend}.toml`];
    const { exit, stderr } = await nemotron(argv, { cwd, env });
    expect(exit, stderr).toBe(0);
    const shipped = readFileSync(join(ROOT, 'config/env', `${backend}.toml`), 'utf8');
    expect(readFileSync(join(cwd, `${backend}.toml`), 'utf8')).toBe(shipped);
  });

  test('an existing file is kept', async () => {
    const argv = ['steps', 'run', 'env/env_toml', '-c', backend, `output_path=${backend}.toml`];
    const { exit, stderr } = await nemotron(argv, { cwd, env });
    expect(exit).toBe(1);
    expect(stderr).toContain('force=true');
  });

  test('-b <backend>_convert_model compiles to a job, secrets by name', async () => {
    const argv = [
      'steps',
      'run',
      'convert/hf_to_megatron',
      '-b',
      `${backend}_convert_model`,
      'hf_model_id=org/m',
      '-d',
    ];
    const { exit, stdout, stderr } = await nemotron(argv, {
      cwd,
      env: { ...env, NEMOTRON_ENV_FILE: `${backend}.toml` },
    });
    expect(exit, stderr).toBe(0);
    expect(stderr).not.toContain('cannot be submitted');
    expect(stdout).toContain(backend === 'slurm' ? '#SBATCH --nodes=1' : 'nvcr.io/nvidia/nemo:26.04');
    expect(stdout).toContain('convert/hf_to_megatron');
    expect(stdout).not.toContain('s3cr3t');
  });
});
