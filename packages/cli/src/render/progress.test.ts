import { expect, test } from 'vitest';
import { progress } from './progress.js';

/** Feeds the events of a conversion of 1 GB a second and returns what is written. */
function written(isTty: boolean, seconds: number, step: number): string[] {
  let now = 100;
  const parts: string[] = [];
  const output = { write: (text: string) => void parts.push(text), isTty, columns: 60 };
  const { onProgress, end } = progress(output, () => now);
  for (let index = 0; index <= Math.round(seconds / step); index += 1) {
    const at = Math.min(seconds, index * step);
    now = 100 + at;
    onProgress({
      kind: 'bytes',
      phase: 'convert',
      done: at * 1e9,
      total: seconds * 1e9,
      key: 'decoder.weight',
    });
  }
  onProgress({ kind: 'note', message: 'done' });
  end();
  return parts;
}

test('a log gets a line each five percent of a short run', () => {
  const lines = written(false, 10, 0.1).filter((line) => line.startsWith('convert'));
  expect(lines.length).toBeGreaterThanOrEqual(16);
  expect(lines.length).toBeLessThanOrEqual(21);
  expect(lines.at(-1)).toBe('convert 100% 10.0 GB/10.0 GB 1.00 GB/s eta 0:00 decoder.weight\n');
});

test('what is done at once has no speed', () => {
  expect(written(false, 0, 1)[0]).toBe('convert 100% 0 B/0 B decoder.weight\n');
});

test('and a line each ten seconds of a long one', () => {
  expect(written(false, 1000, 1).filter((line) => line.startsWith('convert')).length).toBeGreaterThanOrEqual(
    95,
  );
});

test('a download and a conversion that go on at once have their lines, and each its last one', () => {
  let now = 0;
  const parts: string[] = [];
  const output = { write: (text: string) => void parts.push(text), isTty: false, columns: 80 };
  const { onProgress } = progress(output, () => now);
  for (let at = 0; at <= 100; at += 1) {
    now = at;
    onProgress({ kind: 'bytes', phase: 'download', done: at * 1e9, total: 100e9 });
    if (at >= 50) onProgress({ kind: 'bytes', phase: 'convert', done: 20e9 + (at - 50) * 1e9, total: 70e9 });
  }
  const last = (phase: string) => parts.filter((part) => part.startsWith(phase)).at(-1);
  expect(last('download')).toContain('100%');
  // The bytes that a resumed conversion begins with came in no time.
  expect(last('convert')).toBe('convert 100% 70.0 GB/70.0 GB 1.00 GB/s eta 0:00\n');
});

test('a terminal has one live line, ten times a second at most, cut at its width', () => {
  const parts = written(true, 10, 0.01);
  const live = parts.filter((part) => part.includes('convert'));
  expect(live.length).toBeLessThanOrEqual(102);
  for (const part of live) expect(part.replace('\r\x1b[2K', '').length).toBeLessThan(60);
  // The note clears the live line and stays.
  expect(parts.slice(-2)).toEqual(['\r\x1b[2K', 'note: done\n']);
});
