import type { ExportPlan, HeaderPlan, Inspection } from '@nemotron-convert/convert/headers';
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
  const { source, memory, casts, pads } = plan;
  showFacts(element('plan'), [
    ['source', `${source.files} files, ${formatBytes(source.bytes)}`],
    modelFact(plan),
    ['writes for', `Megatron-Bridge ${plan.target}`],
    ...outputFacts(plan),
    [
      'casts',
      count(
        casts.flatMap((cast) => cast.tensors),
        'none',
      ),
    ],
    leftOut(plan),
    ['pads', count(pads, 'none')],
    ['memory', `at most ${formatBytes(memory.peak)}`],
  ]);
  element('lists').replaceChildren(
    ...casts.map(({ from, to, tensors }) =>
      named(`${tensors.length} tensors cast from ${from} to ${to}`, tensors),
    ),
    ...dropLists(plan),
    ...(pads.length === 0
      ? []
      : [
          named(
            `${pads.length} tensors end in zeros`,
            pads.map(({ key, shape, elements }) => `${key} [${shape.join(', ')}]: ${elements} elements`),
          ),
        ]),
    fileList(plan),
  );
}

/** The plan back to Hugging Face. */
export function showExport(plan: ExportPlan): void {
  showFacts(element('export'), [
    modelFact(plan),
    ['model of', `Megatron-Bridge ${plan.target}`],
    ...outputFacts(plan),
    leftOut(plan),
  ]);
  element('export-lists').replaceChildren(...dropLists(plan), fileList(plan));
}

type Fact = readonly [name: string, text: string];

function modelFact({ architecture, parameters }: ExportPlan): Fact {
  return ['model', `${architecture}, ${parameters.toLocaleString('en')} parameters`];
}

function outputFacts({ output, tensors, copies }: ExportPlan): Fact[] {
  return [
    ['target', `${output.files.length} files, ${formatBytes(output.bytes)} (${output.bytes} bytes)`],
    ['tensors', String(tensors)],
    ...Object.entries(copies).map(([pair, count]): Fact => ['copies', `${count} x ${pair}`]),
  ];
}

function leftOut({ drops }: ExportPlan): Fact {
  const names = drops.flatMap((drop) => drop.tensors);
  return ['left out', count(names, 'nothing')];
}

function dropLists({ drops }: ExportPlan): HTMLElement[] {
  return drops.map(({ tensors, reason }) => named(`${tensors.length} left out: ${reason}`, tensors));
}

function fileList({ output }: ExportPlan): HTMLElement {
  const lines = output.files.map(({ path, bytes }) => `${path} ${formatBytes(bytes)}`);
  return named('Files', lines);
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
