import type { Rendering } from '@nemotron-convert/submit';

/** What a submission sends: files under their places, commands, REST bodies. Nothing is cut. */
export function submissionText({ files, commands, requests, secrets }: Rendering): string {
  const parts = [
    ...files.map(({ path, text }) => `--- ${path}\n${text}`),
    ...commands.map((command) => `$ ${command}\n`),
    ...requests.map(({ method, path, body }) => `${method} ${path}\n${JSON.stringify(body, null, 2)}\n`),
    ...(secrets.length === 0 ? [] : [`secrets, sent apart from all this: ${secrets.join(', ')}\n`]),
  ];
  return `${parts.join('\n')}\n`;
}
