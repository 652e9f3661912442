// Loaded before the CLI: at one of its calls that change files, before or after the call is made, something happens:
// a shell command is run, or without one the process is killed. The engine's calls count like those of node:fs/promises.
const { execSync } = require('node:child_process');
const { promises } = require('node:fs');
const { Module, syncBuiltinESMExports } = require('node:module');

const CALLS = ['link', 'mkdir', 'open', 'rename', 'rm', 'rmdir', 'unlink', 'writeFile'];
const ENGINE_CALLS = ['indexPlan', 'runPlan', 'syncAllOf', 'writeSmallFiles'];
const { NEMOTRON_TEST_AT: at = '', NEMOTRON_TEST_COMMAND: command } = process.env;
/** The n-th call, or the n-th of a name. */
const [, wanted, moment, when] = /^(?:(\w+):)?(\d+) (before|after)$/.exec(at) ?? [];
let count = 0;

function happen() {
  if (command === undefined) process.kill(process.pid, 'SIGKILL');
  else execSync(command);
}

function watch(calls, names) {
  for (const name of names) {
    const call = calls[name];
    calls[name] = async (...words) => {
      if (wanted === undefined || wanted === name) count += 1;
      const isDue = count === Number(moment) && (wanted === undefined || wanted === name);
      if (isDue && when === 'before') happen();
      try {
        return await call.apply(calls, words);
      } finally {
        if (isDue && when === 'after') happen();
      }
    };
  }
}

watch(promises, CALLS);
syncBuiltinESMExports();
const load = Module._extensions['.node'];
Module._extensions['.node'] = (module, path) => {
  load(module, path);
  if (module.exports.runPlan === undefined) return;
  module.exports = { ...module.exports };
  watch(module.exports, ENGINE_CALLS);
};
