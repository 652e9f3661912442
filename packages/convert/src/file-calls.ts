import {
  readdirSync,
  readFileSync,
  realpathSync,
  type Stats,
  type StatsFs,
  statfsSync,
  statSync,
} from 'node:fs';
import * as apart from 'node:fs/promises';

/** A disk of this machine takes less for a call, mostly; a file server takes longer, mostly. */
const SLOW_MS = 0.25;
/** How many calls are made on other threads before one is made here again. */
const APART = 200;
/** The weight of the last call in the share of slow ones. */
const LAST = 1 / 8;

let slow = 0;
let apartLeft = 0;

/**
 * A look at names and small files. A disk of this machine answers it in microseconds, in a tenth of the time that it takes to
 * hand it to another thread and get it back; so it is made here and now, unless most such calls have been slow of late:
 * JavaScript's one thread must not wait for a file server. Calls that change names are not made here: they wait for the
 * filesystem's journal.
 */
function call<Words extends unknown[], Result>(
  here: (...words: Words) => Result,
  apart: (...words: Words) => Promise<Result>,
): (...words: Words) => Promise<Result> {
  return async (...words) => {
    if (apartLeft > 0) {
      apartLeft -= 1;
      return apart(...words);
    }
    const began = performance.now();
    try {
      return here(...words);
    } finally {
      const isSlow = performance.now() - began > SLOW_MS;
      slow += LAST * (Number(isSlow) - slow);
      if (slow > 0.5) apartLeft = APART;
    }
  };
}

export const readdir = call<[path: string], string[]>(
  (path) => readdirSync(path),
  (path) => apart.readdir(path),
);
export const readFile = call<[path: string], Uint8Array>(
  (path) => readFileSync(path),
  (path) => apart.readFile(path),
);
export const readText = call<[path: string], string>(
  (path) => readFileSync(path, 'utf8'),
  (path) => apart.readFile(path, 'utf8'),
);
export const realpath = call<[path: string], string>(
  (path) => realpathSync.native(path),
  (path) => apart.realpath(path),
);
export const stat = call<[path: string], Stats>(
  (path) => statSync(path),
  (path) => apart.stat(path),
);
export const statfs = call<[path: string], StatsFs>(
  (path) => statfsSync(path),
  (path) => apart.statfs(path),
);
