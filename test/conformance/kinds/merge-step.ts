import { type Manifest, readMergeOptions, type Settings } from '../../../packages/cli/src/index.js';
import { findAdapter } from '../../../packages/convert/src/index.js';
import { show } from '../values.js';

interface Call {
  readonly call: string;
  readonly args?: readonly unknown[];
  readonly kwargs?: Readonly<Record<string, unknown>>;
}

/** What the recorded script did, as far as it has a counterpart. */
export interface RecordedMerge {
  readonly calls?: readonly Call[];
  readonly ran?: readonly (readonly string[])[];
}

type Options = ReturnType<typeof readMergeOptions>;

/** Compares the parameters of a merge with what the recorded script handed on. Throws as the step does. */
export async function mergeStep(
  manifest: Manifest,
  settings: Settings,
  expected: RecordedMerge,
): Promise<string | undefined> {
  const options = readMergeOptions(settings, manifest.extensions);
  const found = new Map(options.backend === 'hf_peft' ? await peftFacts(options) : megatronFacts(options));
  for (const [fact, value] of recordedFacts(expected)) {
    if (show(value) !== show(found.get(fact) ?? null)) {
      return `${fact}: expected ${show(value)}, found ${show(found.get(fact) ?? null)}`;
    }
  }
  return undefined;
}

type Facts = readonly (readonly [string, unknown])[];

async function peftFacts(options: Options): Promise<Facts> {
  return [
    ['base', options.baseHfPath],
    ['dtype', options.torchDtype],
    ['adapter', await findAdapter(options.loraCheckpoint)],
    ['output', options.outputHfPath],
    ['tokenizer', options.saveTokenizer],
  ];
}

function megatronFacts(options: Options): Facts {
  return [
    ['--lora-checkpoint', options.loraCheckpoint],
    ['--hf-model-path', options.hfModelPath],
    ['--output', options.outputMegatronPath],
    ['--pretrained', options.baseMegatronPath],
    ['export model', options.exportHfModel],
    ['export from', options.exportHfModel === undefined ? undefined : options.outputMegatronPath],
    ['export to', options.outputHfPath],
    ['strict', options.strict],
  ];
}

function recordedFacts({ calls = [], ran = [] }: RecordedMerge): Facts {
  const call = (name: string) => calls.find((one) => one.call === name);
  const words = ran[0] ?? [];
  const word = (name: string) => (words.includes(name) ? words[words.indexOf(name) + 1] : null);
  if (words.length > 0) {
    const exported = call('export_ckpt');
    return [
      ...['--lora-checkpoint', '--hf-model-path', '--output', '--pretrained'].map(
        (name) => [name, word(name)] as const,
      ),
      ['export model', call('from_hf_pretrained')?.args?.[0] ?? null],
      ['export from', exported?.kwargs?.['megatron_path'] ?? null],
      ['export to', exported?.kwargs?.['hf_path'] ?? null],
      ['strict', exported?.kwargs?.['strict'] ?? null],
    ];
  }
  const base = call('AutoModelForCausalLM.from_pretrained');
  const dtype = base?.kwargs?.['torch_dtype'] ?? null;
  return [
    ['base', base?.args?.[0]],
    ['dtype', typeof dtype === 'object' && dtype !== null ? Object.values(dtype)[0] : dtype],
    ['adapter', call('PeftModel.from_pretrained')?.args?.[0]],
    ['output', call('model.save_pretrained')?.args?.[0]],
    ['tokenizer', call('tokenizer.save_pretrained') !== undefined],
  ];
}
