import {
  findEnvToml,
  RESERVED_SECTIONS,
  readProfile,
  readProfiles,
  readSection,
  resolveTree,
} from '@nemotron-convert/config';
import type { Case } from '../case.js';
import { errorDifference, thrown } from '../errors.js';
import { difference, recordedValue } from '../values.js';
import type { Place } from '../world.js';

export function profile(recorded: Case, place: Place): string | undefined {
  const { expect } = recorded;
  const env = place.env(recorded);
  const read = () => readProfile(readProfiles(place.cwd, env), place.fill(recorded.profile ?? ''), env);
  if (expect.error !== undefined && expect.error.stage !== 'resolve')
    return errorDifference(expect.error, thrown(read));
  const found = read();
  const raw = difference(recordedValue(place.fillAll(expect.raw)), found.raw, false, 'raw');
  if (raw !== undefined) return raw;
  const resolve = () => resolveTree(found.tree, { env }).value;
  if (expect.error !== undefined) return errorDifference(expect.error, thrown(resolve));
  return difference(recordedValue(place.fillAll(expect.config)), resolve(), false, 'config');
}

export function envSections(recorded: Case, place: Place): string | undefined {
  const expect = place.fillAll(recorded.expect);
  const env = place.env(recorded);
  if ((findEnvToml(place.cwd) ?? null) !== expect.found) return `found: ${findEnvToml(place.cwd)}`;
  if (expect.error !== undefined)
    return errorDifference(
      expect.error,
      thrown(() => readProfiles(place.cwd, env)),
    );
  const file = readProfiles(place.cwd, env);
  const tables = difference(recordedValue(expect.tables), [...file.tables.keys()], false, 'tables');
  if (tables !== undefined) return tables;
  for (const name of RESERVED_SECTIONS) {
    const section = readSection(file, name, env) ?? null;
    const found = difference(recordedValue(expect[name]), section === null ? null : section, false, name);
    if (found !== undefined) return found;
  }
  return undefined;
}
