import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DTYPES } from '@nemotron-convert/core';
import { afterAll, describe, expect, test } from 'vitest';
import { convert, exportHf } from '../../packages/convert/src/index.js';
import { isSideFile } from '../../packages/convert/src/source/side-files.js';
import { goldens } from '../support/golden.js';
import { type StoredTensor, tensorsOf } from '../support/hf-checkpoint.js';

const dir = mkdtempSync(join(tmpdir(), 'nemotron-export-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Fixtures whose embeddings are tied although their output layer is another: it comes back as the embeddings. */
const TIED: Readonly<Record<string, readonly [head: string, embeddings: string]>> = {
  'gemma4-wide': ['lm_head.weight', 'model.embed_tokens.weight'],
  'nemotron-h-tied': ['lm_head.weight', 'backbone.embeddings.weight'],
};
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

      const [original, back] = [await tensorsOf(fixture), await tensorsOf(hfPath)];
      const dropped = new Set(report.drops.flatMap(({ tensors }) => tensors));
      const kept = [...original.values()].filter((tensor) => !dropped.has(tensor.name));
      expect(kept.filter((tensor) => !back.has(tensor.name))).toEqual([]);
      let equal = dropped.size === 0;
      for (const tensor of kept) {
        const found = back.get(tensor.name) as StoredTensor;
        // A float32 tensor may be one that Megatron keeps in float32, whatever the checkpoint's dtype.
        const kind = found.dtype === tensor.dtype ? tensor.dtype : expectedDtype(tensor.dtype, dtype);
        const { shape, file } = tensor;
        expect({ ...found, data: null }).toMatchObject({ name: tensor.name, dtype: kind, shape, file });
        const [head, embeddings] = TIED[name] ?? [];
        if (tensor.name === head) expect(found.data.equals(back.get(embeddings ?? '')?.data as Buffer)).toBe(true);
        else if (kind === tensor.dtype) expect(found.data.equals(tensor.data), tensor.name).toBe(true);
        equal &&= kind === tensor.dtype && tensor.name !== head;
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

/** The dtype of what comes back: the original's, or the checkpoint's where that is no wider or the original is quantised. */
function expectedDtype(original: string, checkpoint: string): string {
  const stored = DTYPES.find(({ torch }) => torch === checkpoint)?.safetensors ?? '';
  const lossless = original === 'BF16' || original === 'F16' ? checkpoint === 'float32' : false;
  return lossless || original === stored ? original : stored;
}

/** Files that are not the original's, byte by byte; an index by its content. */
function differences(original: string, back: string, files: readonly string[]): string[] {
  const read = (path: string): unknown =>
    path.endsWith(INDEX)
      ? JSON.stringify(JSON.parse(readFileSync(path, 'utf8')))
      : readFileSync(path).toString('base64');
  return files.filter((file) => read(join(original, file)) !== read(join(back, file)));
}
