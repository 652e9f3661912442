// Reads every path of a file list as a user would, and tells what came of each and how much of the processor's time it
// took, then how much memory all took: run by test/fault/hostile.test.ts with little memory and time.
import { readFileSync } from 'node:fs';
import { inspect, verify } from '@nemotron-convert/convert';

const [list, known] = process.argv.slice(2);
const outcome = async (path) => {
  try {
    if (!path.endsWith('.checkpoint')) {
      await inspect(path);
      return 'accepted';
    }
    const { faults } = await verify({ path });
    return faults.length === 0 ? 'accepted' : 'faults';
  } catch (error) {
    return error.code ?? String(error);
  }
};

// What the engine and the reader need for something harmless is not counted.
await verify({ path: known });
const before = process.resourceUsage().maxRSS;
const outcomes = {};
for (const path of JSON.parse(readFileSync(list, 'utf8'))) {
  const used = process.cpuUsage();
  const came = await outcome(path);
  const { user, system } = process.cpuUsage(used);
  outcomes[path] = { came, seconds: (user + system) / 1e6 };
}
process.stdout.write(JSON.stringify({ outcomes, growth: (process.resourceUsage().maxRSS - before) * 1024 }));
