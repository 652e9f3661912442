// node:fs/promises over the dropped files.
import { look, namesIn } from './disk.js';
import { readFileSync } from './fs.js';

export async function stat(path: string) {
  const { kind, bytes, modified } = look(path);
  return {
    size: bytes,
    mtimeMs: modified,
    isFile: () => kind === 'file',
    isDirectory: () => kind === 'directory',
  };
}

export async function readdir(path: string): Promise<string[]> {
  return namesIn(path);
}

export async function readFile(path: string, encoding?: 'utf8'): Promise<string | Uint8Array> {
  return readFileSync(path, encoding);
}
