import { readFileSync } from 'node:fs';

const PACKAGE = new URL('../package.json', import.meta.url);

export const VERSION: string = String(
  (JSON.parse(readFileSync(PACKAGE, 'utf8')) as { readonly version: unknown }).version,
);
