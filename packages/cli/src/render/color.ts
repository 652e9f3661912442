import type { Environment } from '@nemotron-convert/config';
import type { Output } from '../io.js';

const CODES = { bold: [1, 22], red: [31, 39], yellow: [33, 39], cyan: [36, 39] } as const;

export type Paint = (color: keyof typeof CODES, text: string) => string;

/** Colours where they are wanted: FORCE_COLOR, then NO_COLOR, then whether a capable terminal shows the text. */
export function paint(output: Output, env: Environment): Paint {
  const { FORCE_COLOR: force, NO_COLOR: none, TERM: terminal } = env;
  const forced = force === undefined ? undefined : force !== '0' && force !== 'false';
  const wanted = forced ?? ((none === undefined || none === '') && output.isTty && terminal !== 'dumb');
  if (!wanted) return (_, text) => text;
  return (color, text) => `\x1b[${CODES[color][0]}m${text}\x1b[${CODES[color][1]}m`;
}
