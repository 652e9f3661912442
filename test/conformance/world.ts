import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import type { Case } from './case.js';

/** The ids of the recorded tool's steps; the rules of ids and listings are the same for any set. */
const RECORDED_STEPS = [
  'byob/mcq',
  'convert/hf_to_megatron',
  'convert/megatron_to_hf',
  'convert/merge_lora',
  'curate/nemo_curator',
  'data_prep/pretrain_prep',
  'data_prep/rl_prep',
  'data_prep/sft_packing',
  'env/env_toml',
  'eval/model_eval',
  'optimize/modelopt/distill',
  'optimize/modelopt/prune',
  'optimize/modelopt/quantize',
  'peft/automodel',
  'peft/megatron_bridge',
  'pretrain/automodel',
  'pretrain/megatron_bridge',
  'rl/nemo_rl/dpo',
  'rl/nemo_rl/rlhf',
  'rl/nemo_rl/rlvr',
  'sdg/data_designer',
  'sft/automodel',
  'sft/megatron_bridge',
  'translate/nemo_curator',
] as const;

export const SHIPPED_STEPS = join(import.meta.dirname, '..', '..', 'config', 'steps');

export function isShipped(step: string): boolean {
  return existsSync(join(SHIPPED_STEPS, step, 'step.toml'));
}

/** A temporary directory with a registry of steps: those shipped, and minimal ones for the other recorded ids. */
export class World {
  readonly top = realpathSync(mkdtempSync(join(tmpdir(), 'conformance-')));
  readonly steps = join(this.top, 'steps');
  #count = 0;

  constructor() {
    for (const id of RECORDED_STEPS) {
      const target = join(this.steps, id);
      if (isShipped(id)) cpSync(join(SHIPPED_STEPS, id), target, { recursive: true });
      else minimalStep(id, target);
    }
  }

  /** Lays out the files of a case. */
  place(recorded: Case): Place {
    this.#count += 1;
    const root = join(this.top, String(this.#count));
    const cwd = join(root, recorded.cwd ?? '.');
    const home = join(this.top, 'home');
    for (const directory of [cwd, home, ...(recorded.dirs ?? []).map((name) => join(cwd, name))]) {
      mkdirSync(directory, { recursive: true });
    }
    const place = new Place(root, cwd, home, this.steps);
    for (const [name, content] of Object.entries(recorded.files ?? {})) {
      const path = join(root, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(
        path,
        typeof content === 'string' ? place.fill(content) : Buffer.from(content.$bytes, 'base64'),
      );
    }
    return place;
  }

  remove(): void {
    rmSync(this.top, { recursive: true, force: true });
  }
}

function minimalStep(id: string, target: string): void {
  mkdirSync(target, { recursive: true });
  const [category = ''] = id.split('/');
  const toml = [
    '[step]',
    `id = "${id}"`,
    `category = "${category}"`,
    'description = "A step of the recorded tool."',
    '[runspec]',
    `name = "steps/${id}"`,
    '[runspec.config]',
    'dir = "."',
    '',
  ];
  writeFileSync(join(target, 'step.toml'), toml.join('\n'));
  writeFileSync(join(target, 'default.yaml'), '{}\n');
}

/** The directories of one case, and its placeholders. */
export class Place {
  constructor(
    readonly root: string,
    readonly cwd: string,
    readonly home: string,
    readonly steps: string,
  ) {}

  /** Fills placeholders; one after a dollar sign is an interpolation. */
  fill(text: string): string {
    const known: Readonly<Record<string, string>> = {
      cwd: this.cwd,
      root: this.root,
      home: this.home,
      steps: this.steps,
    };
    return text
      .replaceAll(/(?<!\$)\{steps\}\/(\S+?)\/step\.py/g, '{steps}/$1/step.toml')
      .replaceAll(/(?<!\$)\{steps\}\/(\S+?)\/config(?=$|[\s/"',.])/g, '{steps}/$1')
      .replaceAll(/(?<!\$)\{(cwd|root|home|steps)\}/g, (_, name: string) => known[name] ?? '');
  }

  fillAll<T>(value: T): T {
    if (typeof value === 'string') return this.fill(value) as T;
    if (Array.isArray(value)) return value.map((item) => this.fillAll(item)) as T;
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [this.fill(key), this.fillAll(item)]),
    ) as T;
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.cwd, name), text);
  }

  env(recorded: Case): Record<string, string> {
    const env: Record<string, string> = {
      PATH: '/usr/bin:/bin',
      HOME: this.home,
      USER: 'tester',
      LANG: 'C.UTF-8',
      TERM: 'dumb',
      PWD: this.cwd,
    };
    for (const [name, value] of Object.entries(recorded.env ?? {})) {
      if (value === null) delete env[name];
      else env[name] = this.fill(value);
    }
    return env;
  }

  /** The files that exist now, relative to the root. */
  files(): string[] {
    return readdirSync(this.root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(this.root, join(entry.parentPath, entry.name)))
      .sort();
  }
}
