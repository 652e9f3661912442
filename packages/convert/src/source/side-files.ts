import { extname } from 'node:path';

/** Kinds of files that describe a model: configurations, tokenizers, templates, the code of its repository. */
const KINDS = new Set(['.jinja', '.json', '.model', '.py', '.tiktoken', '.txt']);

/** Files of those kinds that describe other weights than the ones written. */
const OTHER = new Set(['adapter_config.json', 'conversion.json', 'hf_quant_config.json']);

/** Whether a checkpoint's file goes along with its weights, whatever these become. */
export function isSideFile(name: string): boolean {
  return KINDS.has(extname(name)) && !name.endsWith('.index.json') && !OTHER.has(name);
}
