import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { NemotronError } from '@nemotron-convert/core';
import type { Io } from './io.js';

/** The channel on which the library tells that WebAssembly takes the addon's place. */
const CHANNEL = 'nemotron-convert:engine';
const VARIABLE = 'NEMOTRON_ENGINE';

/** Runs a command with the engine that the environment asks for; tells when it is not the addon. */
export async function withEngine(io: Io, command: () => Promise<number>): Promise<number> {
  const choice = io.env[VARIABLE] ?? '';
  const tell = (event: unknown): void => io.err.write(`note: ${(event as { message: string }).message}\n`);
  subscribe(CHANNEL, tell);
  try {
    if (choice !== '') await choose(choice);
    return await command();
  } finally {
    unsubscribe(CHANNEL, tell);
  }
}

async function choose(choice: string): Promise<void> {
  if (choice !== 'auto' && choice !== 'native' && choice !== 'wasm') {
    throw new NemotronError('OPTION_INVALID', `${VARIABLE}=${choice}: expected auto, native or wasm`, {
      facts: { option: VARIABLE, found: choice, expected: ['auto', 'native', 'wasm'] },
      hint: 'leave it unset: WebAssembly takes the place of an addon that is missing',
    });
  }
  (await import('@nemotron-convert/convert')).useEngine(choice);
}
