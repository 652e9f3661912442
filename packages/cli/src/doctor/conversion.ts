import { formatBytes } from '@nemotron-convert/core';
import type { Io } from '../io.js';
import { bad, type Finding, note, ok, told } from './finding.js';

/** As package.json demands it. */
const OLDEST_NODE = [20, 17] as const;

export function checkNode(version: string = process.versions.node): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isOld = major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]);
  const needed = `at least ${OLDEST_NODE.join('.')} is needed`;
  return isOld ? bad('node', `${version}; ${needed}`) : ok('node', version);
}

export async function checkEngine(): Promise<Finding> {
  try {
    const engine = (await import('@nemotron-convert/convert')).requireEngine();
    const platform = `${process.platform}-${process.arch}`;
    if (engine === 'native') return ok('engine', `native binding for ${platform}`);
    return note('engine', `no native binding for ${platform} is used: WebAssembly, one thread and slower`);
  } catch (error) {
    return bad('engine', told(error));
  }
}

/** Where a checkpoint would be written. */
export async function checkTarget(path: string): Promise<Finding> {
  const { checkPath } = await import('@nemotron-convert/convert');
  const found = await checkPath(path);
  const where = `${found.path}: ${found.filesystem}${found.isNetwork ? ' (network)' : ''}, ${formatBytes(found.free)} free`;
  if (found.failure !== null) return bad('path', `${where}; nothing can be written: ${found.failure}`);
  return ok('path', `${where}, reads ${found.readMode}, writes ${found.writeMode}`);
}

export async function checkHub({ env }: Io): Promise<Finding> {
  try {
    const { checkHub: ask } = await import('@nemotron-convert/convert');
    const { endpoint, cache, hasToken, offline, failure } = await ask(env);
    const about = `${hasToken ? 'with' : 'without'} a token, cache ${cache}`;
    if (offline) return note('hub', `offline by HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE; ${about}`);
    if (failure !== null) return note('hub', `${failure} (local directories need no Hub)`);
    return ok('hub', `${endpoint} answers, ${about}`);
  } catch (error) {
    return note('hub', told(error));
  }
}
