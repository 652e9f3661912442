import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DTYPES } from '@nemotron-convert/core';
import { inspectCheckpoint } from '@nemotron-convert/native';
import { afterAll, describe, expect, test } from 'vitest';
import { convert, exportHf } from '../../packages/convert/src/index.js';
import { isSideFile } from '../../packages/convert/src/source/side-files.js';
import { goldens } from '../support/golden.js';
import { type StoredTensor, tensorsOf } from '../support/hf-checkpoint.js';

const dir = mkdtempSync(join(tmpdir(), 'nemotron-export-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const HEAD = 'lm_head.weight';
const INDEX = 'model.safetensors.index.json';

/** There and back again: what comes back is the original, but for what a conversion cannot keep. */
describe('goldens come back', () => {
  for (const golden of goldens()) {
    const { name, fixture, dtype, target, sizes } = golden;
    test(`${name} ${golden.file}`, async () => {
      const megatronPath = join(dir, `${name}-${golden.file}`);
      const hfPath = `${megatronPath}-hf`;
      await convert({ hfModelId: fixture, megatronPath, dtype, target, ...sizes });
      const report = await exportHf({ megatronPath, hfModelId: fixture, hfPath, verify: 'full' });
      expect(report.target).toBe(target);

      const { tensors: stored } = await inspectCheckpoint(join(megatronPath, 'iter_0000000'));
      const tied = !stored.some(({ key }) => key.endsWith('output_layer.weight'));
      const [original, back] = [await tensorsOf(fixture), await tensorsOf(hfPath)];
      const dropped = new Set(report.drops.flatMap(({ tensors }) => tensors));
      const kept = [...original.values()].filter((tensor) => !dropped.has(tensor.name));
      expect(kept.filter((tensor) => !back.has(tensor.name))).toEqual([]);
      let equal = dropped.size === 0;
      for (const tensor of kept) {
        const found = back.get(tensor.name) as StoredTensor;
        // A float32 tensor may be one that Megatron keeps in float32, whatever the checkpoint's dtype.
        const kind = found.dtype === tensor.dtype ? tensor.dtype : expectedDtype(tensor.dtype, dtype);
        const { file } = tensor;
        const shape = tensor.dtype === 'I8' ? unpackedShape(tensor.shape) : tensor.shape;
        expect({ ...found, data: null }).toMatchObject({ name: tensor.name, dtype: kind, shape, file });
        if (tensor.dtype === 'I64' && kind === 'I32') expect(integers(found)).toEqual(integers(tensor));
        // Of tied embeddings that are not equal in the original, the word embeddings are what Megatron keeps.
        const repeats = tied && tensor.name.endsWith(HEAD);
        if (repeats) expect([...back.values()].some((other) => isEmbedding(other, found))).toBe(true);
        else if (kind === tensor.dtype) expect(found.data.equals(tensor.data), tensor.name).toBe(true);
        equal &&= kind === tensor.dtype && (!repeats || found.data.equals(tensor.data));
      }
      const written = readdirSync(hfPath).sort();
      expect(written.filter((file) => !file.endsWith('.safetensors') && file !== INDEX)).toEqual(
        readdirSync(fixture).filter(isSideFile).sort(),
      );
      expect(existsSync(join(hfPath, INDEX))).toBe(existsSync(join(fixture, INDEX)));
      if (equal) expect(differences(fixture, hfPath, written)).toEqual([]);
      for (const path of [megatronPath, hfPath]) rmSync(path, { recursive: true });
    });
  }
});

/** Two four-bit floats a byte. */
function unpackedShape([rows = 0, bytes = 0]: readonly number[]): readonly number[] {
  return [rows, 2 * bytes];
}

function integers({ dtype, data }: StoredTensor): number[] {
  return dtype === 'I64'
    ? Array.from({ length: data.length / 8 }, (_, i) => Number(data.readBigInt64LE(8 * i)))
    : Array.from({ length: data.length / 4 }, (_, i) => data.readInt32LE(4 * i));
}

/** The dtype of what comes back: the original's, or the checkpoint's where that is no wider or the original is quantised. */
function expectedDtype(original: string, checkpoint: string): string {
  // Megatron keeps tables of experts by token as int32.
  if (original === 'I64') return 'I32';
  const stored = DTYPES.find(({ torch }) => torch === checkpoint)?.safetensors ?? '';
  const lossless = original === 'BF16' || original === 'F16' ? checkpoint === 'float32' : false;
  return lossless || original === stored ? original : stored;
}

function isEmbedding({ name, data }: StoredTensor, head: StoredTensor): boolean {
  return !name.endsWith(HEAD) && name.includes('embed') && data.equals(head.data);
}

/** Files that are not the original's, byte by byte; headers and indices by their content. */
function differences(original: string, back: string, files: readonly string[]): string[] {
  const read = (path: string): string => {
    const bytes = readFileSync(path);
    if (path.endsWith(INDEX)) return JSON.stringify(JSON.parse(bytes.toString()));
    if (!path.endsWith('.safetensors')) return bytes.toString('base64');
    // A header that Python's json wrote has spaces.
    const begin = 8 + Number(bytes.readBigUInt64LE());
    return JSON.stringify(JSON.parse(bytes.toString('utf8', 8, begin))) + bytes.toString('base64', begin);
  };
  return files.filter((file) => read(join(original, file)) !== read(join(back, file)));
}
