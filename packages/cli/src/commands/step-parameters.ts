import { NemotronError } from '@nemotron-convert/core';
import type { Io } from '../io.js';
import { parametersText } from '../render/step-text.js';
import { discoverSteps, findStep } from '../steps/registry.js';

/** The parameters of the step that the first word names; nothing where it names none. */
export function stepParameters([word]: readonly string[], io: Io): string {
  if (word === undefined) return '';
  try {
    return parametersText(findStep(discoverSteps(io.stepsDir), word));
  } catch (error) {
    if (error instanceof NemotronError && error.code === 'STEP_UNKNOWN') return '';
    throw error;
  }
}
