// Loaded before the CLI: at one of its calls that change files, before or after the call is made, something happens:
// a shell command is run, or without one the process is killed.
const { execSync } = require('node:child_process');
const { promises } = require('node:fs');
const { syncBuiltinESMExports } = require('node:module');

const CALLS = ['copyFile', 'link', 'mkdir', 'open', 'rename', 'rm', 'rmdir', 'utimes', 'writeFile'];
const { NEMOTRON_TEST_AT: at = '', NEMOTRON_TEST_COMMAND: command } = process.env;
/** The n-th call, or the n-th of a name. */
const [, wanted, moment, when] = /^(?:(\w+):)?(\d+) (before|after)$/.exec(at) ?? [];
let count = 0;

function happen() {
  if (command === undefined) process.kill(process.pid, 'SIGKILL');
  else execSync(command);
}

for (const name of CALLS) {
  const call = promises[name];
  promises[name] = async (...words) => {
    if (wanted === undefined || wanted === name) count += 1;
    const isDue = count === Number(moment) && (wanted === undefined || wanted === name);
    if (isDue && when === 'before') happen();
    try {
      return await call.apply(promises, words);
    } finally {
      if (isDue && when === 'after') happen();
    }
  };
}
syncBuiltinESMExports();
