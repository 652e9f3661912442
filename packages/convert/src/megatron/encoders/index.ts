import type { EncoderKind } from '../../models/encoder-kind.js';
import type { Encoder } from '../../models/family.js';
import type { HfConfig } from '../../models/hf-config.js';
import { hfPart } from '../../models/hf-object.js';
import type { Fields } from '../../models/provider.js';
import type { Target } from '../../models/target.js';
import type { ModelDescription, Scope } from '../model.js';
import { ernieResampler, ernieVision } from './ernie-vision.js';
import { exaone45Vision } from './exaone-vision.js';
import { gemma3Projector } from './gemma3-projector.js';
import { gemma4Audio, gemma4AudioEmbedder } from './gemma4-audio.js';
import { gemma4Embedder, gemma4Vision } from './gemma4-vision.js';
import { glm4vMoeVision } from './glm4v-vision.js';
import { minimaxIndexers, minimaxPatchMerger, minimaxProjector, minimaxVision } from './minimax-vision.js';
import { mistral3Projector } from './mistral3-projector.js';
import { moonVit, moonVitMerger } from './moonvit.js';
import { parakeet, parakeetProjector } from './parakeet.js';
import { perceptionProjector, perceptionVision } from './perception.js';
import { pixtralVision } from './pixtral.js';
import { qwen25OmniVision, qwen25Vision } from './qwen2-5-vision.js';
import { qwen3OmniVision, qwen3Vision, qwen3VisionOfTransformers } from './qwen3-vision.js';
import { radioProjector, radioVision } from './radio.js';
import { siglipVision, siglipVisionHeadless } from './siglip.js';
import { qwen2Audio, qwen2AudioProjector, qwen3OmniAudio, qwen25OmniAudio } from './whisper.js';

/** What an encoder is built from. */
export interface EncoderContext {
  /** Its own configuration, complete. */
  readonly config: HfConfig;
  /** config.json as a whole. */
  readonly whole: HfConfig;
  /** Of the language model. */
  readonly provider: Fields;
  readonly target: Target;
}

export type DescribeEncoder = (scope: Scope, context: EncoderContext) => void;

const ENCODERS: Readonly<Record<EncoderKind, DescribeEncoder>> = {
  ernieResampler,
  ernieVision,
  exaone45Vision,
  gemma3Projector,
  gemma4Audio,
  gemma4AudioEmbedder,
  gemma4Embedder,
  gemma4Vision,
  glm4vMoeVision,
  minimaxIndexers,
  minimaxPatchMerger,
  minimaxProjector,
  minimaxVision,
  mistral3Projector,
  perceptionProjector,
  perceptionVision,
  moonVit,
  moonVitMerger,
  parakeet,
  parakeetProjector,
  pixtralVision,
  qwen2Audio,
  qwen2AudioProjector,
  qwen25OmniAudio,
  qwen25OmniVision,
  qwen25Vision,
  qwen3OmniAudio,
  qwen3OmniVision,
  qwen3Vision,
  qwen3VisionOfTransformers,
  radioProjector,
  radioVision,
  siglipVision,
  siglipVisionHeadless,
};

/** Adds the encoders of a model to its description. */
export function describeEncoders(
  model: ModelDescription,
  encoders: readonly Encoder[],
  context: Omit<EncoderContext, 'config'>,
): void {
  for (const { at, module, config, optional } of encoders) {
    if (optional === true && !context.whole.has(config[0])) continue;
    const own = hfPart(context.whole, ...config, context.target);
    ENCODERS[module](model.beside(at), { ...context, config: own });
  }
}
