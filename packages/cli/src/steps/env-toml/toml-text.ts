import { type ConfigMap, type ConfigValue, pythonText } from '@nemotron-convert/config';

/** An env.toml: comment lines, then a table a section. Null values are left out. */
export function tomlText(preamble: string, sections: ReadonlyMap<string, ConfigMap>): string {
  const comments = preamble
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (line.startsWith('#') ? line : `# ${line}`));
  const tables = [...sections].map(([name, table]) =>
    [`[${name}]`, ...present(table).map(([key, value]) => `${key} = ${valueText(value)}`), ''].join('\n'),
  );
  return [...(comments.length === 0 ? [] : [`${comments.join('\n')}\n`]), ...tables].join('\n');
}

function present(map: ConfigMap): [string, ConfigValue][] {
  return [...map].flatMap(([key, value]) => (value === null ? [] : [[String(key), value]]));
}

function valueText(value: ConfigValue): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'boolean') return String(value);
  if (value instanceof Map) {
    const pairs = present(value).map(([key, item]) => `${key} = ${valueText(item)}`);
    return `{ ${pairs.join(', ')} }`;
  }
  if (!Array.isArray(value)) return pythonText(value);
  if (value.length > 0 && value.every((item) => item instanceof Map)) {
    return `[\n${value.map((item) => `    ${valueText(item)},\n`).join('')}]`;
  }
  return `[${value.map(valueText).join(', ')}]`;
}

/** JSON's quotes and escapes, which TOML shares, in ASCII. */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
