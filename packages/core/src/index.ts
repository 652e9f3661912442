export { DTYPES, type DtypeRow, dtypeBytes, TARGET_DTYPES, type TargetDtype, torchName } from './dtype.js';
export {
  ERRORS,
  type ErrorCode,
  type ErrorOptions,
  type ErrorRow,
  type Facts,
  NemotronError,
} from './errors.js';
export { type EventStream, streamEvents } from './event-stream.js';
export type { OnProgress, Phase, ProgressEvent } from './events.js';
export { memo } from './memo.js';
export { JsonSyntaxError, parsePythonJson } from './python-json.js';
export { dumpPythonJson } from './python-json-dump.js';
export { floatRepr, stringRepr } from './python-text.js';
export { isPyMap, type PyMap, type PyValue } from './python-value.js';
export { dumpPythonYaml, type YamlKey, type YamlOptions, type YamlValue } from './python-yaml.js';
export { formatBytes, formatDuration } from './units.js';
