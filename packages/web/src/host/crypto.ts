// node:crypto, of which the library takes SHA-256.
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';

export function createHash(algorithm: string) {
  if (algorithm !== 'sha256') throw new Error(`${algorithm} is not on a page`);
  const hash = sha256.create();
  const own = {
    update: (data: string | Uint8Array) => {
      hash.update(typeof data === 'string' ? new TextEncoder().encode(data) : data);
      return own;
    },
    digest: (_encoding: 'hex') => bytesToHex(hash.digest()),
  };
  return own;
}
