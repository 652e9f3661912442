// node:fs over the dropped files.
import { look, readAt } from './disk.js';

export function existsSync(path: string): boolean {
  try {
    look(path);
    return true;
  } catch {
    return false;
  }
}

export function readFileSync(path: string, encoding?: 'utf8'): string | Uint8Array {
  const bytes = readAt(path, 0, look(path).bytes);
  return encoding === undefined ? bytes : new TextDecoder().decode(bytes);
}
