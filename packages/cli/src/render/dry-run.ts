import {
  type ConfigValue,
  isSensitive,
  type MapNode,
  plain,
  printYaml,
  pythonTruth,
} from '@nemotron-convert/config';
import { frame } from './table.js';

const MASK = '******';

/** The job in two frames, its run section and the training config, secrets masked. Nothing is cut. */
export function dryRunView(job: MapNode, train: MapNode, width: number): string {
  const run = plain(job).get('run') ?? new Map();
  const config = plain(train);
  config.delete('run');
  const frames = [
    frame('run', printYaml(masked(run)), width),
    frame('config', printYaml(masked(config)), width),
  ];
  return `\nCompiled Configuration\n\n${frames.join('\n\n')}\n\n`;
}

function masked(value: ConfigValue): ConfigValue {
  if (Array.isArray(value)) return value.map(maskedWord);
  if (!(value instanceof Map)) return value;
  return new Map(
    [...value].map(([key, item]) => [
      key,
      isSensitive(String(key)) && pythonTruth(item) ? MASK : masked(item),
    ]),
  );
}

/** The words of the command line name the same secrets: `my_api_key=abc`. */
function maskedWord(value: ConfigValue): ConfigValue {
  if (typeof value !== 'string') return masked(value);
  const equals = value.indexOf('=');
  const secret = equals > 0 && equals < value.length - 1 && isSensitive(value.slice(0, equals));
  return secret ? `${value.slice(0, equals + 1)}${MASK}` : value;
}
