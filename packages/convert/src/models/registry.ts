import { NemotronError, type PyMap } from '@nemotron-convert/core';
import { bailingMoeV2 } from './families/bailing.js';
import { deepseekV2, deepseekV3, kimiK2 } from './families/deepseek.js';
import { deepseekV4 } from './families/deepseek-v4.js';
import { ernie45Moe } from './families/ernie.js';
import { ernie45VlMoe } from './families/ernie-vl.js';
import { exaoneMoe } from './families/exaone-moe.js';
import { exaone4 } from './families/exaone4.js';
import { exaone45 } from './families/exaone4-5.js';
import { falconH1 } from './families/falcon-h1.js';
import { gemma, gemma2, gemma3 } from './families/gemma.js';
import { gemma3Vl } from './families/gemma3-vl.js';
import { gemma4 } from './families/gemma4.js';
import { gemma4Vl } from './families/gemma4-vl.js';
import { glm4Moe } from './families/glm.js';
import { glmMoeDsa } from './families/glm-dsa.js';
import { glm4MoeLite } from './families/glm-lite.js';
import { glm4vMoe } from './families/glm4v.js';
import { gptOss } from './families/gpt-oss.js';
import { hunyuanV3 } from './families/hunyuan.js';
import { kimiK25 } from './families/kimi-k2-5.js';
import { kimiK3 } from './families/kimi-k3.js';
import { llada } from './families/llada.js';
import { llama } from './families/llama.js';
import { llamaNemotron } from './families/llama-nemotron.js';
import { mimo } from './families/mimo.js';
import { mimoV2Flash } from './families/mimo-v2-flash.js';
import { minimaxM2 } from './families/minimax.js';
import { minimaxM3 } from './families/minimax-m3.js';
import { mistral } from './families/mistral.js';
import { mistral3 } from './families/mistral3.js';
import { mixtral } from './families/mixtral.js';
import { nemotron } from './families/nemotron.js';
import { nemotronH } from './families/nemotron-h.js';
import { nemotronLabsDiffusion } from './families/nemotron-labs-diffusion.js';
import { nemotronOmni } from './families/nemotron-omni.js';
import { nemotronVl } from './families/nemotron-vl.js';
import { olmoe } from './families/olmoe.js';
import { qwen2, qwen3 } from './families/qwen.js';
import { qwen2Moe, qwen3Moe } from './families/qwen-moe.js';
import { qwen3Omni, qwen25Omni } from './families/qwen-omni.js';
import { qwen3Vl, qwen3VlMoe, qwen25Vl } from './families/qwen-vl.js';
import { qwen2Audio } from './families/qwen2-audio.js';
import { qwen35, qwen35Moe } from './families/qwen3-5.js';
import { qwen35MoeVl, qwen35TokenClassification, qwen35Vl } from './families/qwen3-5-vl.js';
import { qwen3Asr } from './families/qwen3-asr.js';
import { qwen3Next } from './families/qwen3-next.js';
import { sarvamMla, sarvamMoe } from './families/sarvam.js';
import { step35 } from './families/step3p5.js';
import { step37 } from './families/step3p7.js';
import type { ConfigRules, Family } from './family.js';
import { TARGETS, type Target, type TargetChoice } from './target.js';

/** Every family, sorted by its first architecture. */
export const FAMILIES: readonly Family[] = [
  llamaNemotron,
  bailingMoeV2,
  deepseekV2,
  deepseekV3,
  deepseekV4,
  ernie45Moe,
  ernie45VlMoe,
  exaone4,
  exaone45,
  exaoneMoe,
  falconH1,
  glm4MoeLite,
  glmMoeDsa,
  hunyuanV3,
  gemma2,
  gemma3,
  gemma3Vl,
  gemma,
  gemma4,
  gemma4Vl,
  glm4Moe,
  glm4vMoe,
  gptOss,
  kimiK2,
  kimiK3,
  kimiK25,
  llada,
  llama,
  mimo,
  mimoV2Flash,
  minimaxM2,
  minimaxM3,
  mistral,
  mistral3,
  mixtral,
  nemotron,
  nemotronH,
  nemotronOmni,
  nemotronVl,
  nemotronLabsDiffusion,
  olmoe,
  qwen2,
  qwen2Audio,
  qwen2Moe,
  qwen3,
  qwen3Moe,
  qwen35,
  qwen35Moe,
  qwen35MoeVl,
  qwen35TokenClassification,
  qwen35Vl,
  qwen25Omni,
  qwen25Vl,
  qwen3Asr,
  qwen3Next,
  qwen3Omni,
  qwen3Vl,
  qwen3VlMoe,
  sarvamMla,
  sarvamMoe,
  step35,
  step37,
];

const BY_ARCHITECTURE = new Map(
  FAMILIES.flatMap((family) => family.architectures.map((name) => [name, family])),
);

/**
 * The family that an architecture's class name belongs to, one of `own` before the built-in ones. Throws
 * SOURCE_ARCHITECTURE with the nearest names.
 */
export function findFamily(architecture: string, path: string, own: readonly Family[] = []): Family {
  const family =
    own.find(({ architectures }) => architectures.includes(architecture)) ??
    BY_ARCHITECTURE.get(architecture);
  if (family !== undefined) return family;
  const near = nearest(architecture);
  throw new NemotronError('SOURCE_ARCHITECTURE', `${path}: ${architecture} is not a supported architecture`, {
    facts: { path, found: architecture, near },
    hint: `nearest supported: ${near.join(', ')}; \`nemotron models\` lists all`,
  });
}

/** The family of a model, or the one that takes its place with what config.json says. */
export function familyFor(
  architecture: string,
  { config, configPath, families }: { config: PyMap; configPath: string; families?: readonly Family[] },
): Family {
  const family = findFamily(architecture, configPath, families);
  return family.instead?.(config) ?? family;
}

/**
 * `auto` is the oldest version that has the family and can build this config.json: newer stacks load its checkpoints too.
 * Throws OPTION_INVALID when the chosen version cannot.
 */
export function chooseTarget(family: Family, choice: TargetChoice, config: PyMap): Target {
  const refusals = TARGETS.map((target) => [target, refusal(family, target, config)] as const);
  const supported = refusals.filter(([, reason]) => reason === null).map(([target]) => target);
  const chosen = choice === 'auto' ? supported[0] : supported.find((target) => target === choice);
  if (chosen !== undefined) return chosen;
  const [target, reason] = refusals.findLast(([name]) => choice === 'auto' || name === choice) ?? [
    choice,
    '',
  ];
  throw new NemotronError('OPTION_INVALID', `target=${choice}: Megatron-Bridge ${target} ${reason}`, {
    facts: { option: 'target', found: choice, expected: supported },
    ...(supported.length === 0 ? {} : { hint: `use target=${supported.join(' or target=')}` }),
  });
}

/** A version's rules for a config.json; undefined where it does not register the family. */
export function rulesFor(family: Family, target: Target, config: PyMap): ConfigRules | undefined {
  const rules = family.config[target];
  return rules?.instead?.(config) ?? rules;
}

/** Why a version cannot build the model; null where it can. */
function refusal(family: Family, target: Target, config: PyMap): string | null {
  const rules = rulesFor(family, target, config);
  if (rules === undefined) return `does not support ${family.architectures[0]}`;
  return rules.refuses?.(config) ?? null;
}

function nearest(name: string): string[] {
  const score = (other: string): number => {
    const pairs = (text: string): Set<string> =>
      new Set(Array.from(text, (_, i) => text.slice(i, i + 3).toLowerCase()));
    const a = pairs(name);
    const b = pairs(other);
    const shared = [...a].filter((pair) => b.has(pair)).length;
    return (2 * shared) / (a.size + b.size);
  };
  return [...BY_ARCHITECTURE.keys()].sort((a, b) => score(b) - score(a)).slice(0, 3);
}
