import { DELTA_NET } from './delta-net.js';
import { DENSE } from './dense.js';
import { HYBRID } from './hybrid.js';
import { LATENT } from './latent.js';
import { MINIMAX } from './minimax.js';
import { MIXTURES } from './mixtures.js';
import type { RealModel } from './model.js';

export const REAL_MODELS: readonly RealModel[] = [
  ...DENSE,
  ...MIXTURES,
  ...MINIMAX,
  ...DELTA_NET,
  ...LATENT,
  ...HYBRID,
];
