// node:fs over the dropped files.
import { look, namesIn, readAt } from './disk.js';

export function existsSync(path: string): boolean {
  try {
    look(path);
    return true;
  } catch {
    return false;
  }
}

export function statSync(path: string) {
  const { kind, bytes, modified } = look(path);
  return {
    size: bytes,
    mtimeMs: modified,
    isFile: () => kind === 'file',
    isDirectory: () => kind === 'directory',
  };
}

export function readdirSync(path: string): string[] {
  return namesIn(path);
}

export function readFileSync(path: string, encoding?: 'utf8'): string | Uint8Array {
  const bytes = readAt(path, 0, look(path).bytes);
  return encoding === undefined ? bytes : new TextDecoder().decode(bytes);
}
