// Converts a checkpoint with progress, and verifies the result against its source.
//   node examples/convert.js SOURCE TARGET
import { convert, NemotronError, plan, streamEvents, verify } from '@nemotron-convert/convert';

const [, , hfModelId = 'test/fixtures/llama', megatronPath = 'out/example'] = process.argv;
const options = { hfModelId, megatronPath, dtype: /** @type {const} */ ('bfloat16'), tp: 2 };
const interrupt = new AbortController();
process.once('SIGINT', () => interrupt.abort());

try {
  const { architecture, parameters, output } = await plan(options);
  console.log(`${architecture}: ${parameters} parameters, ${output.bytes} bytes to write`);

  const run = streamEvents((onProgress) => convert(options, { onProgress, signal: interrupt.signal }));
  for await (const event of run) {
    if (event.kind === 'bytes') console.log(`${event.phase} ${event.done} of ${event.total}`);
    else if (event.kind !== 'phase') console.log(event.message);
  }
  const report = await run.result;
  const { faults } = await verify({ path: report.path, against: hfModelId, mode: 'full' });
  console.log(`${report.path}: ${report.tensors} tensors, ${faults.length} faults`);
} catch (error) {
  // Everything that the library throws on purpose says what to do.
  if (!(error instanceof NemotronError)) throw error;
  console.error(`${error.code}: ${error.message}\n${error.hint}`);
  process.exitCode = error.exit;
}
