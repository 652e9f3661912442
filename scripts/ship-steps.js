// Puts the steps and the licence beside the packed command, as its package ships them; `undo` takes them away again,
// since in the repository the command reads config/steps.
import { cpSync, rmSync } from 'node:fs';

const at = (path) => new URL(path, import.meta.url);
rmSync(at('../packages/cli/steps'), { recursive: true, force: true });
rmSync(at('../packages/cli/LICENSE'), { force: true });
if (process.argv[2] !== 'undo') {
  cpSync(at('../config/steps'), at('../packages/cli/steps'), { recursive: true });
  cpSync(at('../LICENSE'), at('../packages/cli/LICENSE'));
}
