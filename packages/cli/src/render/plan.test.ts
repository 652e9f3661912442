import { expect, test } from 'vitest';
import { memoryText } from './plan.js';

test('tells what is of main memory, and what of the GPUs', () => {
  const cpu = { peak: 200e6, buffers: 80e6, device: 0, gpus: 0 };
  expect(memoryText(cpu)).toBe('at most 200 MB, 80.0 MB of it buffers');
  const gpu = { ...cpu, device: 60e6, gpus: 1 };
  expect(memoryText(gpu)).toBe('at most 200 MB, 80.0 MB of it pinned buffers; 60.0 MB on a GPU');
  expect(memoryText({ ...gpu, gpus: 2 })).toContain('60.0 MB on 2 GPUs');
});
