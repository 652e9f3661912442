import { join } from 'node:path';
import { dumpPythonJson, type PyValue } from '@nemotron-convert/core';
import { listSource } from '../../source/files.js';
import type { Source } from '../../source/open.js';
import { isSideFile } from '../../source/side-files.js';
import { isTokenizerFile } from '../../source/tokenizer-files.js';
import type { Staging } from '../staging.js';

export interface MergedFilesOptions {
  /** torch name of the dtype that the weights are stored in. */
  readonly dtype: string;
  /** The output layer has weights of its own now. */
  readonly untied: boolean;
  readonly tokenizer: boolean;
}

/** Puts the base's files beside the merged weights: bytes as they are, but for what the merge changes in config.json. */
export async function putMergedFiles(
  staging: Staging,
  { dir, config }: Source,
  { dtype, untied, tokenizer }: MergedFilesOptions,
): Promise<void> {
  for (const name of [...(await listSource(dir))].filter(isSideFile).sort()) {
    if (!tokenizer && isTokenizerFile(name)) continue;
    const changes = name === 'config.json' ? changesOf(config, dtype, untied) : {};
    if (Object.keys(changes).length === 0) staging.putCopy(join(dir, name), name);
    else staging.putText(name, `${dumpPythonJson({ ...config, ...changes })}\n`);
  }
}

/** What config.json must say otherwise. Its dtype has two names, of which a file has one. */
function changesOf(config: Source['config'], dtype: string, untied: boolean): Record<string, PyValue> {
  const key = 'torch_dtype' in config ? 'torch_dtype' : 'dtype';
  return {
    ...(config[key] === dtype || config[key] === undefined ? {} : { [key]: dtype }),
    ...(untied ? { tie_word_embeddings: false } : {}),
  };
}
