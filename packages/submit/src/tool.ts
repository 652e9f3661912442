import { quote } from './quote.js';

/** The Node.js that is fetched where an image has none. */
const NODE = '20.20.2';

/**
 * The script that starts the tool on the far side: the copy that was uploaded, else the one of the image, else the npm
 * package. Its words are the tool's.
 */
export function launcher(version: string, bundle: string | undefined, cacheDir: string): string {
  const lines = ['#!/bin/sh', 'set -e'];
  if (bundle !== undefined) {
    lines.push(
      `tool=${quote(bundle)}`,
      'if [ -x "$tool/bin/node" ]; then',
      '  exec "$tool/bin/node" "$tool/node_modules/nemotron-convert/bin/nemotron.js" "$@"',
      'fi',
    );
  }
  lines.push(
    'if command -v nemotron >/dev/null 2>&1; then exec nemotron "$@"; fi',
    'if ! command -v npx >/dev/null 2>&1; then',
    '  case "$(uname -m)" in',
    '    x86_64) arch=x64 ;;',
    '    aarch64) arch=arm64 ;;',
    '    *) echo "nemotron: no Node.js here, and none to fetch for $(uname -m)" >&2; exit 127 ;;',
    '  esac',
    `  node=${quote(cacheDir)}/node-v${NODE}-$arch`,
    '  if [ ! -x "$node/bin/npx" ]; then',
    '    part="$node.$$"',
    '    mkdir -p "$part"',
    `    curl -fsSL "\${NODE_MIRROR:-https://nodejs.org/dist}/v${NODE}/node-v${NODE}-linux-$arch.tar.gz" -o "$part/node.tar.gz"`,
    '    tar -xzf "$part/node.tar.gz" --strip-components=1 -C "$part"',
    '    rm "$part/node.tar.gz"',
    '    mv "$part" "$node" 2>/dev/null || rm -rf "$part"',
    '  fi',
    '  PATH="$node/bin:$PATH"; export PATH',
    'fi',
    `exec npx --yes ${quote(`nemotron-convert@${version}`)} "$@"`,
    '',
  );
  return lines.join('\n');
}
