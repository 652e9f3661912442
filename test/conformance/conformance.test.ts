import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Case } from './case.js';
import { call } from './kinds/call.js';
import { cli } from './kinds/cli.js';
import { config, scalar } from './kinds/config.js';
import { job } from './kinds/job.js';
import { envSections, profile } from './kinds/profile.js';
import { step, stepConfig } from './kinds/step.js';
import { RULINGS } from './rulings.js';
import { isShipped, type Place, World } from './world.js';

type Check = (recorded: Case, place: Place) => string | undefined | Promise<string | undefined>;

const KINDS: Readonly<Record<string, Check>> = {
  call,
  cli,
  config,
  dotlist: config,
  env_sections: envSections,
  job,
  profile,
  scalar,
  step,
  step_config: stepConfig,
};

const CASES = join(import.meta.dirname, 'cases');
const world = new World();
const counts = { passed: 0, ruled: 0, failed: 0 };
const seen = new Set<string>();

afterAll(() => {
  world.remove();
  console.log(`conformance: ${counts.passed} passed, ${counts.ruled} ruled, ${counts.failed} failed`);
});

for (const file of readdirSync(CASES).sort()) {
  describe(file.replace('.json', ''), () => {
    for (const recorded of JSON.parse(readFileSync(join(CASES, file), 'utf8')) as readonly Case[]) {
      seen.add(recorded.id);
      test(recorded.id, async () => {
        const found = await outcome(recorded);
        const ruling = RULINGS[recorded.id] ?? (found === undefined ? undefined : waitingFor(recorded));
        if (found === undefined) counts.passed += 1;
        else if (ruling === undefined) counts.failed += 1;
        else counts.ruled += 1;
        if (ruling === undefined) expect(found, `${recorded.about}: ${found}`).toBeUndefined();
        // A ruling that is no longer needed is a stale excuse.
        else expect(found, `ruled (${ruling}) but it passes`).toBeDefined();
      });
    }
  });
}

test('rulings name cases that exist', () => {
  expect(Object.keys(RULINGS).filter((id) => !seen.has(id))).toEqual([]);
});

async function outcome(recorded: Case): Promise<string | undefined> {
  try {
    return await KINDS[recorded.kind]?.(recorded, world.place(recorded));
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}

/** Steps of the recorded tool that this one has not shipped yet. */
const LATER = ['convert/merge_lora', 'env/env_toml'];

function waitingFor(recorded: Case): string | undefined {
  const text = JSON.stringify([recorded.argv, recorded.args, recorded.expect]);
  const step = LATER.find((id) => text.includes(id.split('/')[1] ?? id) && !isShipped(id));
  return step === undefined ? undefined : `${step} is not shipped yet`;
}
