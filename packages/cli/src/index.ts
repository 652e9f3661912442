export { sortLateWords } from './argv/late-words.js';
export { suggestions } from './argv/similarity.js';
export { runCli } from './cli.js';
export { type CompiledRun, compileRun } from './commands/compile.js';
export { type RunRequest, readRunRequest } from './commands/run-request.js';
export type { Io, Output, RunStep, StepRun, Submission, Submit } from './io.js';
export { processIo } from './process-io.js';
export { runCommand } from './program.js';
export { type HfToMegatron, readOptions } from './steps/hf-to-megatron/options.js';
export { type Manifest, readManifest } from './steps/manifest.js';
export {
  type MegatronToHf,
  readOptions as readExportOptions,
} from './steps/megatron-to-hf/options.js';
export { readMergeOptions } from './steps/merge-lora/options.js';
export { discoverSteps, findStep } from './steps/registry.js';
export { stepSettings } from './steps/run-step.js';
export { parseScriptHeader, type Runspec } from './steps/runspec.js';
export type { Settings } from './steps/settings.js';
export { parseStepWords, wordValue } from './steps/step-words.js';
export { asBoolean } from './steps/truth.js';
