export { parseDotlist, setKey } from './dotlist.js';
export type { Environment, EnvLookups, GitMount } from './evaluation.js';
export { type FindOptions, findConfig, type LoadOptions, loadFile, readConfigFile } from './files.js';
export {
  compileJob,
  type JobInput,
  jobDirectoryName,
  type Mode,
  resolveRunEnv,
  runSection,
  trainTree,
} from './job.js';
export { applyDotlist, type LoadConfigOptions, type LoadedConfig, loadConfig, loadDotlist } from './load.js';
export { merge } from './merge.js';
export { codeFrame, describeOrigin, type Origin, type Source } from './origin.js';
export { printYaml } from './print.js';
export { type ProblemKind, type ProblemOptions, problem, problemKind } from './problem.js';
export {
  envTomlPath,
  findEnvToml,
  type Profile,
  type ProfileFile,
  RESERVED_SECTIONS,
  type ReservedSection,
  readProfile,
  readProfiles,
  readSection,
} from './profile.js';
export { pythonText, pythonTruth } from './python.js';
export { pythonFloat, pythonInt } from './python-number.js';
export { REMOTE_CODE, REMOTE_JOB, rewriteForRemote } from './remote-paths.js';
export { type ResolvedConfig, type ResolveOptions, resolveTree, type ValueOrigin } from './resolve.js';
export { fillRunValues, isArtifactReference } from './run-values.js';
export { isSensitive } from './secrets.js';
export { readToml } from './toml.js';
export {
  type ConfigMap,
  type ConfigValue,
  type Key,
  type ListNode,
  type MapNode,
  mapTexts,
  type Node,
  nodeFrom,
  plain,
  type Scalar,
  type ScalarNode,
} from './tree.js';
export { readYaml } from './yaml.js';
