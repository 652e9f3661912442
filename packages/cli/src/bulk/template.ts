import { NemotronError } from '@nemotron-convert/core';

/**
 * An output path from its template. `{name}` is the last part of the source's path or model id, `{parent}` the part
 * before it: `org` of `org/name`. A revision of a model id belongs to neither.
 */
export function fillTemplate(template: string, source: string): string {
  const parts = source
    .replace(/@[^/]*$/, '')
    .split('/')
    .filter((part) => part !== '' && part !== '.');
  const values: Readonly<Record<string, string>> = { name: parts.at(-1) ?? '', parent: parts.at(-2) ?? '' };
  return template.replace(/\{([^{}]*)\}/g, (_, key: string) => {
    const value = Object.hasOwn(values, key) ? values[key] : undefined;
    if (value !== undefined && value !== '') return value;
    const reason = value === undefined ? 'is no part of a source' : `is not in ${source}`;
    throw new NemotronError('CONFIG_VALUE', `output ${template}: {${key}} ${reason}`, {
      facts: { kind: 'ValueError', option: 'output', found: key },
      hint: 'use {name} and {parent}',
    });
  });
}
