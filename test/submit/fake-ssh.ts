import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A stand-in for ssh: notes the command and its input, and answers by the first pattern that matches. */
const SCRIPT = `#!/bin/bash
for command; do
  # A request to the client's own shared login is no command on the far side.
  if [ "$command" = -O ]; then exit 0; fi
done
n=$(ls "$FAKE_SSH" | grep -c command)
printf '%s' "$command" > "$FAKE_SSH/command.$(printf %03d $n)"
case "$command" in mkdir*tar*|umask*) cat > "$FAKE_SSH/input.$(printf %03d $n)" ;; esac
while IFS=$'\\t' read -r pattern code out err; do
  if [[ "$command" == *"$pattern"* ]]; then printf '%b' "$out"; printf '%b' "$err" >&2; exit "$code"; fi
done < "$FAKE_SSH/answers"
`;

export interface Answer {
  readonly pattern: string;
  readonly code?: number;
  readonly out?: string;
  readonly err?: string;
}

export class FakeSsh {
  readonly #dir: string;

  constructor(
    root: string,
    private readonly answers: readonly Answer[],
  ) {
    this.#dir = join(root, 'fake-ssh');
    mkdirSync(join(root, 'bin'), { recursive: true });
    mkdirSync(this.#dir, { recursive: true });
    writeFileSync(join(root, 'bin', 'ssh'), SCRIPT);
    chmodSync(join(root, 'bin', 'ssh'), 0o755);
    const line = ({ pattern, code = 0, out = '', err = '' }: Answer) =>
      `${pattern}\t${code}\t${out}\t${err || ' '}\n`;
    writeFileSync(join(this.#dir, 'answers'), this.answers.map(line).join(''));
    this.env = { FAKE_SSH: this.#dir, PATH: `${join(root, 'bin')}:/usr/bin:/bin` };
  }

  readonly env: Readonly<Record<string, string>>;

  /** The commands in order, with what was sent to them. */
  commands(): { readonly command: string; readonly input: Buffer | undefined }[] {
    return readdirSync(this.#dir)
      .filter((name) => name.startsWith('command'))
      .sort()
      .map((name) => {
        const input = join(this.#dir, name.replace('command', 'input'));
        return {
          command: readFileSync(join(this.#dir, name), 'utf8'),
          input: existsSync(input) ? readFileSync(input) : undefined,
        };
      });
  }
}

/** The files of an archive. */
export function untar(archive: Buffer): Map<string, string> {
  const files = new Map<string, string>();
  for (let at = 0; at + 512 <= archive.length && archive[at] !== 0; ) {
    const field = (from: number, length: number) =>
      archive.toString('utf8', at + from, at + from + length).split('\0')[0] ?? '';
    const size = Number.parseInt(field(124, 12), 8);
    const prefix = field(345, 155);
    const name = `${prefix === '' ? '' : `${prefix}/`}${field(0, 100)}`;
    files.set(name, archive.toString('utf8', at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}
