import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The library's exports with their types and comments, by TypeDoc. */
export function apiReference() {
  const out = mkdtempSync(join(tmpdir(), 'api-reference-'));
  try {
    const bin = join(root, 'node_modules/typedoc/bin/typedoc');
    execFileSync(process.execPath, [bin, '--out', out, '--logLevel', 'Error'], { cwd: root, stdio: 'pipe' });
    const text = readFileSync(join(out, 'README.md'), 'utf8');
    return text.replace(
      /^(# .*\n)/,
      '$1\n<!-- written by npm run docs from the comments in packages/convert/src -->\n',
    );
  } finally {
    rmSync(out, { recursive: true });
  }
}
