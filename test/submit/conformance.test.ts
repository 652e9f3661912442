import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Case } from '../conformance/case.js';
import { type Place, World } from '../conformance/world.js';
import { call } from './call-kind.js';
import { envToml, templateProfile, templateSubmit } from './env-toml-kind.js';
import { NOT_SHIPPED, RULINGS } from './rulings.js';
import { submission } from './submit-kind.js';

type Check = (recorded: Case, place: Place) => string | undefined | Promise<string | undefined>;

const KINDS: Readonly<Record<string, Check>> = {
  call,
  cli: submission,
  env_toml: envToml,
  template_profile: templateProfile,
  template_submit: templateSubmit,
};

const CASES = join(import.meta.dirname, 'cases');
const world = new World();
const counts = { passed: 0, ruled: 0, failed: 0 };
const seen = new Set<string>();

afterAll(() => {
  world.remove();
  console.log(`submission: ${counts.passed} passed, ${counts.ruled} ruled, ${counts.failed} failed`);
});

for (const file of readdirSync(CASES).sort()) {
  describe(file.replace('.json', ''), () => {
    for (const recorded of JSON.parse(readFileSync(join(CASES, file), 'utf8')) as readonly Case[]) {
      seen.add(recorded.id);
      test(recorded.id, async () => {
        const found = await outcome(recorded);
        const ruling = rulingOf(recorded, found);
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

function rulingOf({ id, argv }: Case, found: string | undefined): string | undefined {
  const step = NOT_SHIPPED.find((each) => argv?.includes(each) && found !== undefined);
  return RULINGS[id] ?? (step === undefined ? undefined : `${step} is not shipped yet`);
}

async function outcome(recorded: Case): Promise<string | undefined> {
  try {
    return await KINDS[recorded.kind]?.(recorded, world.place(recorded));
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}
