import { RESERVED_SECTIONS, readProfile, readProfiles, resolveTree } from '@nemotron-convert/config';
import type { Io } from '../io.js';
import { bad, type Finding, note, ok, told } from './finding.js';

/** Every profile of the env.toml in force, resolved as a submission would. */
export function checkProfiles({ cwd, env }: Io): Finding[] {
  let file: ReturnType<typeof readProfiles>;
  try {
    file = readProfiles(cwd, env);
  } catch (error) {
    return [bad('env.toml', told(error))];
  }
  if (file.source === undefined) return [note('env.toml', 'none here or above; needed for -r and -b only')];
  const reserved: readonly string[] = RESERVED_SECTIONS;
  const names = [...file.tables.keys()].filter((name) => !reserved.includes(name));
  const failures = names.flatMap((name) => {
    try {
      resolveTree(readProfile(file, name, env).tree, { env });
      return [];
    } catch (error) {
      return [bad('env.toml', `${file.source?.name}: profile ${name}: ${told(error)}`)];
    }
  });
  if (failures.length > 0) return failures;
  return [ok('env.toml', `${file.source.name}: ${names.length === 0 ? 'no profiles' : names.join(', ')}`)];
}
