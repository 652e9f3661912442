import { gzipSync } from 'node:zlib';
import { NemotronError } from '@nemotron-convert/core';
import { quote } from './quote.js';
import { type TarEntry, tarStream } from './tar.js';

/** A pod of the smallest kind, whose command line brings the files: no service of the clouds takes uploads. */
export const MOVER_IMAGE = 'busybox:1.37.0';

/** Linux refuses a longer single word of a command line. */
const MAX_WORD = 128 * 1024;

/** The shell command that recreates a directory with these files. */
export async function unpackCommand(
  entries: readonly TarEntry[],
  dir: string,
  maxChars = MAX_WORD,
): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of tarStream(entries)) chunks.push(chunk);
  const encoded = gzipSync(Buffer.concat(chunks), { level: 9 }).toString('base64');
  const at = quote(dir);
  const command = [
    `rm -rf ${at}`,
    `mkdir -p ${at}`,
    `echo ${encoded} | base64 -d > ${at}/archive.tar.gz`,
    `tar -xzf ${at}/archive.tar.gz -C ${at}`,
    `rm ${at}/archive.tar.gz`,
  ].join(' && ');
  if (command.length <= maxChars) return command;
  throw new NemotronError(
    'PROFILE_INVALID',
    `the files of the job need ${command.length} characters, ${maxChars} fit into a request`,
    {
      facts: { kind: 'ValueError', characters: command.length, limit: maxChars },
      hint: 'put large files that the configuration names onto the shared storage, and name them there',
    },
  );
}
