import { join } from 'node:path';
import type { PyMap } from '@nemotron-convert/core';
import { describeEncoders } from '../megatron/encoders/index.js';
import { describeGemma4 } from '../megatron/gemma4.js';
import { describeGpt } from '../megatron/gpt.js';
import { describeHybrid } from '../megatron/hybrid.js';
import type { ModelDescription } from '../megatron/model.js';
import { describeParallel } from '../megatron/parallel.js';
import { type Core, coreNamed } from '../models/core.js';
import { checkCounts } from '../models/counts.js';
import type { ConfigRules, Family } from '../models/family.js';
import { HfConfig } from '../models/hf-config.js';
import { inDtype, languageConfig } from '../models/language-config.js';
import { buildProvider, type Fields, type ParallelSizes } from '../models/provider.js';
import { FieldError } from '../models/provider-fields.js';
import { chooseTarget, familyFor, rulesFor } from '../models/registry.js';
import { unreadRope } from '../models/rope.js';
import { LANGUAGE_SPELLINGS, respelled, type Spelling } from '../models/spellings.js';
import type { Target } from '../models/target.js';
import type { ResolvedOptions } from '../options.js';
import { buildPlan } from '../plan/build.js';
import { type Changes, changesOf } from '../plan/changes.js';
import { collect, type Drop } from '../plan/collect.js';
import { CONTAINERS, ITERATION_DIR } from '../plan/container.js';
import { saveIdOf } from '../plan/encode.js';
import { checkSizes, stagesOf } from '../plan/ranks.js';
import type { Plan } from '../plan/types.js';
import { architectureOf } from '../source/architecture.js';
import type { Source } from '../source/open.js';
import { unpacked } from '../source/packed.js';
import { readQuantization } from '../source/quantization.js';

/** Everything that is decided before a byte of tensor data is read. */
export interface Prepared {
  readonly family: Family;
  readonly architecture: string;
  readonly target: Target;
  /** The Megatron-Core whose checkpoint it is, where that is not the version's own. */
  readonly core: Core | null;
  readonly provider: Fields;
  readonly plan: Plan;
  readonly drops: readonly Drop[];
  /** What of config.json the version that is written for passes over without a word. */
  readonly unread: readonly string[];
  readonly changes: Changes;
  /** Model parameters that the checkpoint holds. */
  readonly parameters: number;
  /** Extra keys of `tokenizer.hf_tokenizer_kwargs` in run_config.yaml. */
  readonly tokenizerKwargs: PyMap;
}

const DESCRIBE = {
  gpt: describeGpt,
  hybrid: describeHybrid,
  parallel: describeParallel,
  gemma4: describeGemma4,
} as const;

/**
 * Source headers and options in, the whole plan out. `targetPath` is the absolute path of the checkpoint's root; `share`
 * places payloads where their blocks can be shared with the source's.
 */
export function prepare(
  source: Source,
  options: ResolvedOptions,
  targetPath: string,
  share = false,
): Prepared {
  const architecture = architectureOf(source);
  const family = familyFor(architecture, source);
  const target = chooseTarget(family, options.target, source.config);
  const tensors = unpacked(respelled(source.tensors, spellingsOf(family)));
  const { block } = readQuantization(source.dir, source.config, tensors);
  checkCounts(source.config, source.configPath, tensors.values());
  const { rules, provider, model, unread } = describe(family, target, source, tensors.keys(), options);
  checkSizes(options.sizes, provider, { hybrid: family.model !== 'gpt', uncut: rules.uncut ?? [] });
  const { mapped, drops } = collect({
    family,
    rules,
    target,
    model,
    provider,
    tensors,
    dtype: options.dtype,
    block,
  });
  const draft = buildPlan({
    model,
    mapped,
    sourceFiles: source.files,
    container: CONTAINERS[target],
    sizes: options.sizes,
    stages: stagesOf(provider, options.sizes),
    checkpointId: join(targetPath, ITERATION_DIR),
    saveId: '',
    share,
    world: options.ranks?.world ?? null,
  });
  const plan = { ...draft, metadata: { ...draft.metadata, saveId: saveIdOf(draft) } };
  const parameters = mapped.reduce((sum, { param }) => sum + param.shape.reduce((a, b) => a * b, 1), 0);
  return {
    family,
    architecture,
    target,
    core: coreNamed(rules.core),
    provider,
    plan,
    drops,
    unread,
    changes: changesOf(mapped),
    parameters,
    tokenizerKwargs: tokenizerKwargs(rules, target, options.sizes),
  };
}

/** The import of 0.3.1 that runs on several ranks saves without a family's own arguments. */
function tokenizerKwargs(rules: ConfigRules, target: Target, sizes: ParallelSizes): PyMap {
  const ranks = sizes.tp * sizes.pp * sizes.ep * sizes.etp;
  return target === '0.3.1' && ranks > 1 ? {} : (rules.tokenizerKwargs ?? {});
}

/** Other prefixes that tensor names of a family may have. */
export function spellingsOf(family: Family): readonly Spelling[] {
  return family.spellings ?? (family.prefix === undefined ? LANGUAGE_SPELLINGS : []);
}

export interface Described {
  readonly rules: ConfigRules;
  readonly provider: Fields;
  readonly model: ModelDescription;
  readonly unread: readonly string[];
}

/**
 * The Megatron model of a config.json, for one Megatron-Bridge version; `tensors` are the names of the source's, and
 * `overrides` provider fields known better.
 */
export function describe(
  family: Family,
  target: Target,
  source: Pick<Source, 'config' | 'configPath'>,
  tensors: Iterable<string>,
  { dtype, hfModelId, sizes }: Pick<ResolvedOptions, 'dtype' | 'hfModelId' | 'sizes'>,
  overrides: Fields = {},
): Described {
  const rules = rulesFor(family, target, source.config);
  if (rules === undefined) throw new TypeError(`${family.architectures[0]} has no rules for ${target}`);
  const whole = new HfConfig(inDtype(source.config, family.text, dtype), source.configPath);
  try {
    const hf = languageConfig(whole, family, rules, target);
    const about = { whole, target, dtype, modelId: hfModelId, tensors };
    const provider = { ...buildProvider(hf, rules, about, sizes), ...overrides };
    const model = DESCRIBE[family.model](provider, target, family.prefix);
    describeEncoders(model, rules.encoders ?? [], { whole, provider, target });
    const rope = unreadRope(hf.values, provider, target);
    return { rules, provider, model, unread: rope === null ? [] : [rope] };
  } catch (error) {
    throw error instanceof FieldError ? error.at(source.configPath) : error;
  }
}
