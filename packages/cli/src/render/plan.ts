import type { PlanSummary } from '@nemotron-convert/convert';
import { formatBytes } from '@nemotron-convert/core';

type Row = readonly [name: string, text: string];

/** A plan on one screen; `verbose` adds the names behind the counts. */
export function planText(summary: PlanSummary, verbose: boolean): string {
  const { source, output, layout, memory, estimate } = summary;
  const sizes = Object.entries(layout).map(([name, size]) => `${name}=${size}`);
  const dtypes = Object.entries(source.dtypes).map(([dtype, count]) => `${count} x ${dtype}`);
  const commit = source.commit === undefined ? '' : ` at ${source.commit}`;
  const download = source.missing === 0 ? '' : `, ${formatBytes(source.missing)} of it to download`;
  const fit = output.free >= output.bytes ? '' : `: ${formatBytes(output.bytes - output.free)} too little`;
  const rows: readonly Row[] = [
    [
      'source',
      `${source.path}${commit} (${source.files} files, ${formatBytes(source.bytes)}${download}; ${dtypes.join(', ')})`,
    ],
    ['model', `${summary.architecture}, ${summary.parameters.toLocaleString('en')} parameters`],
    ['writes for', `Megatron-Bridge ${summary.target}, ${sizes.join(' ')}`],
    ['target', `${output.path} (${output.files.length} files, ${formatBytes(output.bytes)})`],
    ...listed(
      verbose,
      output.files.map(({ path, bytes }) => `${path} ${formatBytes(bytes)}`),
    ),
    ['tensors', String(summary.tensors)],
    ...Object.entries(summary.copies).map(([pair, count]): Row => ['copies', `${count} x ${pair}`]),
    ...changes(summary, verbose),
    ...summary.unread.map((message): Row => ['warning', message]),
    ['memory', memoryText(memory)],
    ['free disk', `${formatBytes(output.free)}${fit}`],
    ['time', estimate === null ? 'unknown' : timeText(estimate)],
    ...unfinishedRow(summary.unfinished),
    ['plan', summary.digest],
  ];
  return `${rows.map(([name, text]) => `${name.padEnd(11)}${text}\n`).join('')}nothing written\n`;
}

function unfinishedRow(found: PlanSummary['unfinished']): Row[] {
  if (found === null) return [];
  const text = found.isSame
    ? `${formatBytes(found.bytes)} of an interrupted run are there: the same command goes on`
    : 'another conversion was interrupted here: finish that one, or discard it with --fresh';
  return [['unfinished', text]];
}

function changes({ casts, drops, pads }: PlanSummary, verbose: boolean): Row[] {
  return [
    ...(casts.length === 0 ? [['casts', 'none'] as const] : []),
    ...casts.flatMap(({ from, to, tensors }): Row[] => [
      ['casts', `${tensors.length} tensors from ${from} to ${to}`],
      ...listed(verbose, tensors),
    ]),
    ...(drops.length === 0 ? [['left out', 'nothing'] as const] : []),
    ...drops.flatMap(({ tensors, reason }): Row[] => [
      ['left out', `${tensors.length}: ${reason}`],
      ...listed(verbose, tensors),
    ]),
    ['pads', pads.length === 0 ? 'none' : `${pads.length} tensors end in zeros`],
    ...listed(
      verbose,
      pads.map(({ key, shape, elements }) => `${key} [${shape.join(', ')}]: ${elements} elements`),
    ),
  ];
}

function listed(verbose: boolean, names: readonly string[]): Row[] {
  return verbose ? names.map((name) => ['', `  ${name}`]) : [];
}

/** Main memory, and the GPUs' own where they would compute. */
export function memoryText({ peak, buffers, device, gpus }: PlanSummary['memory']): string {
  const main = `at most ${formatBytes(peak)}, ${formatBytes(buffers)} of it`;
  if (gpus === 0) return `${main} buffers`;
  return `${main} pinned buffers; ${formatBytes(device)} on ${gpus === 1 ? 'a GPU' : `${gpus} GPUs`}`;
}

function timeText({ seconds, readRate }: NonNullable<PlanSummary['estimate']>): string {
  const told = seconds < 1 ? 'under a second' : `about ${Math.round(seconds).toLocaleString('en')} s`;
  return `${told}, at the ${formatBytes(readRate)}/s at which the source is read now`;
}
