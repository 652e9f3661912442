import { execFileSync } from 'node:child_process';

/**
 * Runs everything once a round. `clear` removes what a run has made, and a run's own `before` comes after it; the disk is
 * quiet before the next begins. Returns, for each run, its seconds by round and the highest peak of memory in kB.
 */
export async function measure(runs, rounds, clear) {
  const results = runs.map(({ name }) => ({ name, seconds: [], peak: 0 }));
  for (let round = 0; round < rounds; round += 1) {
    for (const [at, { run, before }] of runs.entries()) {
      clear();
      before?.();
      execFileSync('sync');
      const began = performance.now();
      const peak = (await run()) ?? 0;
      results[at].seconds.push((performance.now() - began) / 1000);
      results[at].peak = Math.max(results[at].peak, peak);
    }
  }
  clear();
  return results;
}

/** Prints a table whose ratios are to the runs that are not ours. */
export function print(results, written) {
  const baselines = results.filter(({ name }) => !name.startsWith('nemotron'));
  const ratios = baselines.map(({ name }) => ` against ${name} |`).join('');
  console.log(`| what | median s | GB/s written | VmHWM MiB |${ratios}`);
  console.log(`|---|---|---|---|${baselines.map(() => '---|').join('')}`);
  for (const { name, seconds, peak } of results) {
    const cells = [
      name,
      median(seconds).toFixed(2),
      (written / 1e9 / median(seconds)).toFixed(2),
      peak > 0 ? (peak / 1024).toFixed(0) : '',
      ...baselines.map((other) => median(seconds.map((s, round) => s / other.seconds[round])).toFixed(2)),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}

function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
