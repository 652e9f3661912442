import { expect, test } from 'vitest';
import { gatherRope } from './rope.js';

test('YaRN counts from the length that its own parameters name, else from the longest position', () => {
  const yarn = { rope_type: 'yarn', factor: 4.0 };
  // Some tools write it beside the map, where no class of transformers reads it.
  const config = { max_position_embeddings: 64n, original_max_position_embeddings: 32n };
  const length = (rope: typeof yarn) =>
    gatherRope({ ...config, rope_parameters: rope }, {})['rope_parameters'];
  const own = { ...yarn, original_max_position_embeddings: 16n };
  expect(length(own)).toMatchObject({ original_max_position_embeddings: 16n });
  expect(length(yarn)).toMatchObject({ original_max_position_embeddings: 64n });
});
