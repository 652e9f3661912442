import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BIN = join(ROOT, 'packages/cli/bin/nemotron.js');
const FOLDERS = ['.', 'docs', 'docs/how-to'];
/** Paths in outputs are as long as the real ones, so that frames and columns keep their shape. */
const WORLD = '/tmp/demo-XXXXXX';
const SHOWN = '/home/you/models';

/** A fence that is run, what a comment before it sets, and the output that follows it. */
const BLOCK =
  /(?:<!-- env: (?<env>.*?) -->\n)?```sh run(?: exit=(?<exit>\d+))?\n(?<script>[\s\S]*?)```\n(?:\n```text\n(?<output>[\s\S]*?)```\n)?/g;

/** The pages with commands that run: each becomes itself again with the outputs of now. */
export function runnablePages() {
  return FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(folder, name))
      .filter((path) => readFileSync(join(ROOT, path), 'utf8').includes('```sh run'))
      .map((path) => ({ path, text: withOutputs })),
  );
}

/**
 * Runs the commands of a page in the order of the page, in one directory with the sources that it names. Where only times,
 * sizes of the machine and the like differ, the output stays as it was.
 */
function withOutputs(page) {
  const world = makeWorld(page);
  try {
    return page.replace(BLOCK, (whole, ...rest) => {
      const { env, exit = '0', script, output } = rest.at(-1);
      const printed = run(world, script, Number(exit), env);
      if (output === undefined || steady(printed) === steady(output)) return whole;
      return whole.replace(`\`\`\`text\n${output}\`\`\``, () => `\`\`\`text\n${printed}\`\`\``);
    });
  } finally {
    rmSync(world, { recursive: true, force: true });
  }
}

function makeWorld(page) {
  const world = mkdtempSync(WORLD.slice(0, -6));
  const bin = join(world, '.bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'nemotron'), `#!/bin/sh\nexec ${process.execPath} ${BIN} "$@"\n`);
  chmodSync(join(bin, 'nemotron'), 0o755);
  for (const [path] of page.matchAll(/(?<![\w/])test\/(?:fixtures|golden)\/[\w.-]+/g)) {
    cpSync(join(ROOT, path), join(world, path), { recursive: true });
  }
  return world;
}

function run(world, script, expected, settings = '') {
  const path = [join(world, '.bin'), process.env.PATH].join(':');
  const own = settings.replaceAll('$ROOT', ROOT.replace(/\/$/, ''));
  const words = own === '' ? [] : own.match(/(?:[^\s"]|"[^"]*")+/g).map((word) => word.replaceAll('"', ''));
  const env = { PATH: path, HOME: world, USER: 'you', PWD: world, HF_HUB_OFFLINE: '1' };
  try {
    const text = execFileSync('env', [...words, 'sh', '-ec', `exec 2>&1\n${script}`], {
      cwd: world,
      env,
      encoding: 'utf8',
    });
    if (expected !== 0) throw new Error(`exit 0, expected ${expected}: ${script}\n${text}`);
    return shown(text, world);
  } catch (error) {
    const code = error.status ?? (error.signal === 'SIGKILL' ? 137 : undefined);
    if (code !== expected)
      throw new Error(`exit ${code}, expected ${expected}: ${script}\n${error.stdout ?? error.message}`);
    return shown(error.stdout, world);
  }
}

/** Progress comes and goes with the speed of the machine. */
function shown(text, world) {
  return text
    .replaceAll(world, SHOWN)
    .replaceAll(ROOT, '/opt/nemotron/')
    .replace(/^convert \d+%.*\n/gm, '')
    .replace(/\n*$/, '\n');
}

/** What must not change: no times, rates, dates, processes, hashes, and nothing that tells of the machine. */
function steady(text) {
  return text
    .replace(/\b[\d.]+ s\b/g, '# s')
    .replace(/\b[\d.]+ [KMGT]?B\/s/g, '# B/s')
    .replace(/\d{4}-\d\d-\d\d[ T][\d:.]+Z?/g, '#')
    .replace(/\b[0-9a-f]{12,64}\b/g, '#')
    .replace(/(?<!\d)\d{10}(?!\d)|\b[0-9a-f]{8}-[0-9a-f-]{27}\b/g, '#')
    .replace(/"(?:started|finished|host|platform|check|verifySeconds)": .*/g, '#')
    .replace(/^(memory|free disk|time) .*$/gm, '$1')
    .replace(/^( +(?:read|written)) .*$/gm, '$1')
    .replace(/process \d+ on \S+/g, 'process #')
    .replace(/^(?:ok|note|bad) +(?:node|cpu|path|gpu|slurm|hub|engine) .*$/gm, '#');
}
