// node:path where paths begin at the dropped folder's parent, `/`.

export const sep = '/';

export function join(...parts: readonly string[]): string {
  return normal(parts.filter((part) => part !== '').join('/'));
}

export function resolve(...parts: readonly string[]): string {
  const from = parts.findLastIndex((part) => part.startsWith('/'));
  return normal(`/${parts.slice(Math.max(from, 0)).join('/')}`);
}

export function dirname(path: string): string {
  const end = path.replace(/\/+$/, '').lastIndexOf('/');
  return end > 0 ? path.slice(0, end) : path.startsWith('/') ? '/' : '.';
}

export function basename(path: string): string {
  const whole = path.replace(/\/+$/, '');
  return whole.slice(whole.lastIndexOf('/') + 1);
}

export function extname(path: string): string {
  return /[^.]*.*?(\.[^.]*)$/.exec(basename(path).slice(1))?.[1] ?? '';
}

function normal(path: string): string {
  const kept: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') kept.pop();
    else if (part !== '' && part !== '.') kept.push(part);
  }
  return `${path.startsWith('/') ? '/' : ''}${kept.join('/')}`;
}
