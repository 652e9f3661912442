import type { HeaderPlan, Inspection } from '@nemotron-convert/convert/headers';
import { formatBytes } from '@nemotron-convert/core';
import type { Problem } from './messages.js';

/** Rows that a table shows at once; the filter finds the others. */
const MOST_ROWS = 500;

export function element<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`no element ${id}`);
  return found as T;
}

function make(tag: string, text: string): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

function showFacts(list: HTMLElement, facts: readonly (readonly [string, string])[]): void {
  list.replaceChildren(...facts.flatMap(([name, text]) => [make('dt', name), make('dd', text)]));
}

export function showProblem(problem: Problem | undefined): void {
  const section = element('problem');
  section.hidden = problem === undefined;
  if (problem === undefined) return;
  const { id, message, hint } = problem;
  section.replaceChildren(make('p', `error[${id}]: ${message}`), make('p', `hint: ${hint}`));
}

export function showInspection({ kind, path, tensors, facts }: Inspection): void {
  element('checkpoint').hidden = false;
  element('checkpoint-title').textContent = `${kind} ${path.slice(1)}`;
  const bytes = tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
  const dtypes = new Map<string, number>();
  for (const { dtype } of tensors) dtypes.set(dtype, (dtypes.get(dtype) ?? 0) + 1);
  showFacts(element('facts'), [
    ...Object.entries(facts).map(([name, value]) => [name, String(value)] as const),
    ['tensors', `${tensors.length}, ${formatBytes(bytes)}`],
    ['dtypes', [...dtypes].map(([dtype, count]) => `${count} x ${dtype}`).join(', ')],
  ]);
}

export function showTensors(tensors: Inspection['tensors'], filter: string): void {
  element('tensors').hidden = false;
  const found = tensors.filter(({ name }) => name.includes(filter));
  const shown = found.slice(0, MOST_ROWS);
  element('shown').textContent = `${found.length} of ${tensors.length}${
    found.length > MOST_ROWS ? `, the first ${MOST_ROWS} are shown` : ''
  }`;
  const rows = shown.map(({ name, dtype, shape, bytes }) => {
    const row = document.createElement('tr');
    const cells = [name, dtype, `[${shape.join(', ')}]`, formatBytes(bytes)];
    row.append(...cells.map((text) => make('td', text)));
    return row;
  });
  element('rows').replaceChildren(...rows);
}

export function showPlan(plan: HeaderPlan): void {
  const { source, output, memory, casts, drops, pads } = plan;
  showFacts(element('plan'), [
    ['source', `${source.files} files, ${formatBytes(source.bytes)}`],
    ['model', `${plan.architecture}, ${plan.parameters.toLocaleString('en')} parameters`],
    ['writes for', `Megatron-Bridge ${plan.target}`],
    ['target', `${output.files.length} files, ${formatBytes(output.bytes)} (${output.bytes} bytes)`],
    ['tensors', String(plan.tensors)],
    ...Object.entries(plan.copies).map(([pair, count]) => ['copies', `${count} x ${pair}`] as const),
    [
      'casts',
      count(
        casts.flatMap((cast) => cast.tensors),
        'none',
      ),
    ],
    [
      'left out',
      count(
        drops.flatMap((drop) => drop.tensors),
        'nothing',
      ),
    ],
    ['pads', count(pads, 'none')],
    ['memory', `at most ${formatBytes(memory.peak)}`],
  ]);
  element('lists').replaceChildren(
    ...casts.map(({ from, to, tensors }) =>
      named(`${tensors.length} tensors cast from ${from} to ${to}`, tensors),
    ),
    ...drops.map(({ tensors, reason }) => named(`${tensors.length} left out: ${reason}`, tensors)),
    ...(pads.length === 0
      ? []
      : [
          named(
            `${pads.length} tensors end in zeros`,
            pads.map(({ key, shape, elements }) => `${key} [${shape.join(', ')}]: ${elements} elements`),
          ),
        ]),
    named(
      'Files',
      output.files.map(({ path, bytes }) => `${path} ${formatBytes(bytes)}`),
    ),
  );
}

function count(names: readonly unknown[], none: string): string {
  return names.length === 0 ? none : `${names.length} tensors`;
}

/** Names behind a summary, made when it is opened: there may be many. */
function named(summary: string, names: readonly string[]): HTMLElement {
  const details = document.createElement('details');
  const list = document.createElement('ul');
  details.append(make('summary', summary), list);
  details.addEventListener('toggle', () => {
    if (details.open) list.replaceChildren(...names.map((name) => make('li', name)));
  });
  return details;
}
