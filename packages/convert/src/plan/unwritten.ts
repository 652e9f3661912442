import { memo } from '@nemotron-convert/core';
import type { Drop } from './collect.js';
import { ACTIVATION_SCALES, drops } from './collect.js';
import type { ExportInput } from './collect-export.js';
import { scaledBy } from './scales.js';

const DEQUANTISED = 'the written weights are not quantised';

/**
 * The original's tensors that nothing is written for: those that a conversion leaves out by its rules, with the reasons,
 * and the others.
 */
export function unwritten(
  { family, target, provider, tensors, names }: ExportInput,
  written: ReadonlySet<string>,
  replaced: ReadonlySet<string>,
): { drops: Drop[]; unwritten: string[] } {
  const rules = (family.drops ?? []).filter(({ targets }) => targets?.includes(target) ?? true);
  const byReason = new Map<string, string[]>();
  const rest: string[] = [];
  for (const name of names ?? []) {
    if (written.has(name)) continue;
    const isScale = scaledBy(name).some((weight) => written.has(weight));
    const reason =
      isScale || replaced.has(name)
        ? DEQUANTISED
        : [...rules, ACTIVATION_SCALES].find((rule) => drops(rule, name, provider, tensors))?.reason;
    if (reason === undefined) rest.push(name);
    else memo(byReason, reason, (): string[] => []).push(name);
  }
  return { drops: [...byReason].map(([reason, names]) => ({ reason, tensors: names })), unwritten: rest };
}
