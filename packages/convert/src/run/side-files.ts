import { join } from 'node:path';
import type { ResolvedOptions } from '../options.js';
import { PROVENANCE_FILE, provenance } from '../output/provenance.js';
import { runConfig } from '../output/run-config.js';
import type { Staging } from '../output/staging.js';
import { CONTAINERS, ITERATION_DIR } from '../plan/container.js';
import type { Source } from '../source/open.js';
import { VERSION } from '../version.js';
import { hashed, hashSource } from './hash-files.js';
import type { Prepared } from './prepare.js';

/** Everything of a checkpoint that no plan has, but for the record. */
export function putSideFiles(
  staging: Staging,
  source: Source,
  prepared: Prepared,
  options: ResolvedOptions,
  targetPath: string,
): void {
  const { provider, target, core, tokenizerKwargs } = prepared;
  // A revision is no part of the id that loaders of the checkpoint can use.
  const paths = { hfModelId: source.hub?.repo ?? options.hfModelId, save: targetPath };
  const config = runConfig(provider, { target, core }, paths, tokenizerKwargs, options.trustRemoteCode);
  staging.putText(`${ITERATION_DIR}/run_config.yaml`, config);
  staging.putText(`${ITERATION_DIR}/metadata.json`, JSON.stringify(CONTAINERS[target].metadataJson));
  for (const name of source.tokenizer) {
    staging.putCopy(join(source.dir, name), `${ITERATION_DIR}/tokenizer/${name}`);
  }
  staging.putText('latest_checkpointed_iteration.txt', '0');
}

/** conversion.json: the last file, since it tells of all the others. */
export async function putProvenance(
  staging: Staging,
  source: Source,
  prepared: Prepared,
  options: ResolvedOptions,
  facts: { readonly digest: string; readonly started: Date; readonly verifySeconds: number },
  signal?: AbortSignal,
): Promise<void> {
  const hashes = await hashSource(source, options.hash, signal);
  const files = await hashed(staging.root, staging.smallFiles());
  staging.putText(
    PROVENANCE_FILE,
    provenance({ ...prepared, ...facts, version: VERSION, source, hashes, files, options }),
  );
}
