import { join } from 'node:path';
import type { ResolvedOptions } from '../options.js';
import { CONTAINERS, ITERATION_DIR } from '../output/container.js';
import { PROVENANCE_FILE, provenance } from '../output/provenance.js';
import { runConfig } from '../output/run-config.js';
import type { Staging } from '../output/staging.js';
import type { Source } from '../source/open.js';
import { VERSION } from '../version.js';
import type { Prepared } from './prepare.js';

/** Everything of a checkpoint that is not written by the engine, but for the tracker. */
export async function writeSideFiles(
  staging: Staging,
  source: Source,
  prepared: Prepared,
  options: ResolvedOptions,
  digest: string,
): Promise<void> {
  const { provider, target, tokenizerKwargs } = prepared;
  // A revision is no part of the id that loaders of the checkpoint can use.
  const paths = { hfModelId: source.hub?.repo ?? options.hfModelId, save: staging.target };
  const config = runConfig(provider, target, paths, tokenizerKwargs, options.trustRemoteCode);
  await staging.writeText(`${ITERATION_DIR}/run_config.yaml`, config);
  await staging.writeText(`${ITERATION_DIR}/metadata.json`, JSON.stringify(CONTAINERS[target].metadataJson));
  for (const name of source.tokenizer) {
    await staging.copyIn(join(source.dir, name), `${ITERATION_DIR}/tokenizer/${name}`);
  }
  await staging.writeText(
    PROVENANCE_FILE,
    provenance({ ...prepared, version: VERSION, digest, source, options }),
  );
}
