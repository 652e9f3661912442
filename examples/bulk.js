// Converts every model of a directory under one budget; a failure does not stop the others.
//   node examples/bulk.js MODELS OUT
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { convertMany } from '@nemotron-convert/convert';

const [, , models = 'test/fixtures', out = 'out/example-bulk'] = process.argv;
const requests = readdirSync(models).map((name) => ({
  hfModelId: join(models, name),
  megatronPath: join(out, name),
}));
const report = await convertMany(
  requests,
  { concurrent: 2, memory: 128 * 2 ** 20 },
  {
    onModel: ({ hfModelId }, outcome) => {
      if (outcome === null) return;
      console.log(
        outcome.status === 'failed'
          ? `${hfModelId}: ${outcome.error.message}`
          : `${hfModelId}: ${outcome.status}`,
      );
    },
  },
);
console.log(`${report.converted} converted, ${report.present} were there, ${report.failed} failed`);
