export type { OnProgress, ProgressEvent } from '@nemotron-convert/core';
export { type EventStream, NemotronError, streamEvents } from '@nemotron-convert/core';
export {
  ENGINE_CHANNEL,
  type EngineChoice,
  type EngineEvent,
  requireEngine,
  type TensorStats,
  useEngine,
} from '@nemotron-convert/native';
export { findAdapter } from './adapter/find.js';
export type { ExportOptions } from './export-options.js';
export type { EncoderKind } from './models/encoder-kind.js';
export type {
  ConfigRules,
  DropRule,
  Encoder,
  Family,
  MappingRow,
  Origin,
  PlainOrigin,
  WholeModel,
} from './models/family.js';
export { HfConfig } from './models/hf-config.js';
export { listModels, type ModelRow } from './models/list.js';
export type { Fields } from './models/provider.js';
export { FAMILIES } from './models/registry.js';
export {
  attentionBiasRows,
  attentionRows,
  endRows,
  expertRows,
  gatedMlpRows,
  queryKeyNormRows,
} from './models/rows.js';
export { TARGETS, type Target, type TargetChoice } from './models/target.js';
export type { ConvertOptions, RankOf, ReadMode, VerifyChoice, WriteMode, ZeroCopy } from './options.js';
export type { Provenance } from './output/provenance.js';
export type { Cast, Changes, Pad } from './plan/changes.js';
export type { Drop } from './plan/collect.js';
export { checkPath, type PathCheck } from './run/check-path.js';
export { type Context, type ConvertReport, convert } from './run/convert.js';
export {
  type Budget,
  convertMany,
  type ManyContext,
  type ManyReport,
  type Outcome,
} from './run/convert-many.js';
export { type ExportReport, exportHf } from './run/export-hf.js';
export { type InspectedTensor, type Inspection, inspect, inspectTensor } from './run/inspect.js';
export {
  type MergedOutput,
  type MergeLoraOptions,
  type MergeLoraReport,
  mergeLora,
} from './run/merge-lora.js';
export { type PlanSummary, plan } from './run/plan.js';
export type { ModelReport } from './run/report.js';
export {
  VERIFY_MODES,
  type VerifyMode,
  type VerifyOptions,
  type VerifyReport,
  verify,
} from './run/verify.js';
export { checkHub, type HubCheck } from './source/hub-check.js';
export { VERSION } from './version.js';
