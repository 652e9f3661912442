import { pythonText } from '@nemotron-convert/config';
import type { MergeLoraOptions } from '@nemotron-convert/convert';
import { TARGET_DTYPES } from '@nemotron-convert/core';
import { extensionOptions } from '../extensions.js';
import type { Parameter } from '../manifest.js';
import type { Settings } from '../settings.js';
import { asBoolean } from '../truth.js';

const EXTENSION_NAMES = {
  fresh: 'fresh',
  memory: 'memory',
  read_mode: 'readMode',
  threads: 'threads',
  verify: 'verify',
  write_mode: 'writeMode',
} as const;

const BACKENDS = ['auto', 'hf_peft', 'megatron_bridge'] as const;

/** What the step was asked to do, in the order of the Python tool's checks. Throws CONFIG_VALUE. */
export function readMergeOptions(settings: Settings, extensions: readonly Parameter[]): MergeLoraOptions {
  const engine = extensionOptions<MergeLoraOptions>(settings, extensions, EXTENSION_NAMES);
  return backendOf(settings) === 'hf_peft'
    ? {
        backend: 'hf_peft',
        baseHfPath: settings.required(['base_hf_path']),
        loraCheckpoint: settings.required(['lora_checkpoint']),
        outputHfPath: settings.required(['output_hf_path']),
        torchDtype: readDtype(settings),
        saveTokenizer: flag(settings, 'save_tokenizer'),
        ...engine,
      }
    : { ...readMegatron(settings), ...engine };
}

function readMegatron(settings: Settings): MergeLoraOptions {
  const loraCheckpoint = settings.required(['lora_checkpoint']);
  const hfModelPath = settings.required(['hf_model_path', 'hf_model_id', 'base_hf_path']);
  const outputMegatronPath = settings.required(['output_megatron_path']);
  const base = settings.first(['pretrained', 'base_megatron_path']);
  for (const size of ['tp', 'pp', 'ep']) checkSize(settings, size);
  return {
    backend: 'megatron_bridge',
    loraCheckpoint,
    outputMegatronPath,
    ...(base === undefined || base.value === '' ? {} : { baseMegatronPath: pythonText(base.value) }),
    hfModelPath,
    ...(flag(settings, 'export_hf')
      ? {
          outputHfPath: settings.required(['output_hf_path']),
          exportHfModel: settings.required(['hf_model_id', 'hf_model_path', 'base_hf_path']),
          strict: flag(settings, 'strict'),
        }
      : {}),
  };
}

function backendOf(settings: Settings): 'hf_peft' | 'megatron_bridge' {
  const given = settings.get('backend');
  const name = given === null ? 'auto' : pythonText(given).toLowerCase();
  const backend = BACKENDS.find((known) => known === name);
  if (backend === undefined) {
    throw settings.error(
      'backend',
      `merge_lora backend must be one of: ${BACKENDS.join(', ')}`,
      'use backend=auto',
    );
  }
  if (backend !== 'auto') return backend;
  const base = settings.first(['base_megatron_path', 'pretrained']);
  return base === undefined || base.value === '' ? 'hf_peft' : 'megatron_bridge';
}

function readDtype(settings: Settings): NonNullable<MergeLoraOptions['torchDtype']> | null {
  const given = settings.get('torch_dtype');
  if (given === null) return null;
  const choices = ['auto', ...TARGET_DTYPES] as const;
  const text = pythonText(given);
  const found = choices.find((name) => name === text);
  if (found !== undefined) return found;
  throw settings.error(
    'torch_dtype',
    `Unsupported torch dtype '${text}'; choose one of ${choices.join(', ')}`,
    'use torch_dtype=auto',
  );
}

/** Absent and null are the shipped default, which is true for the switches read here. */
function flag(settings: Settings, key: string): boolean {
  return settings.has(key) ? asBoolean(settings.get(key)) : true;
}

function checkSize(settings: Settings, key: string): void {
  const text = pythonText(settings.get(key) ?? 1n);
  if (/^\s*[+-]?\d+(\.\d*)?\s*$/.test(text)) return;
  throw settings.error(
    key,
    `${key}=${text}: expected an integer`,
    `leave ${key} out: the layout is that of the base`,
  );
}
