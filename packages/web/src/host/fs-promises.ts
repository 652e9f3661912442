// node:fs/promises over the dropped files.
import { readdirSync, readFileSync, statSync } from './fs.js';

export async function stat(path: string) {
  return statSync(path);
}

export async function readdir(path: string): Promise<string[]> {
  return readdirSync(path);
}

export async function readFile(path: string, encoding?: 'utf8'): Promise<string | Uint8Array> {
  return readFileSync(path, encoding);
}
