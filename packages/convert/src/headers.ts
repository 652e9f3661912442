// What works by headers alone, for hosts that are no Node.js: nothing is written, and next to no tensor data is read.
import { type ConvertOptions, resolveOptions } from './options.js';
import { type HeaderPlan, planSource } from './run/plan.js';
import { openSource } from './source/open.js';

export { type InspectedTensor, type Inspection, inspect } from './run/inspect.js';
export type { HeaderPlan } from './run/plan.js';
export { type ExportPlan, planExport } from './run/plan-export.js';

/** As `plan`, without what is asked of the disks: free space, speed, shared blocks. */
export async function planHeaders(options: ConvertOptions): Promise<HeaderPlan> {
  const resolved = resolveOptions(options);
  return planSource(await openSource(resolved.hfModelId), resolved, resolved.megatronPath);
}
