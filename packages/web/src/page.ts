import type { Inspection } from '@nemotron-convert/convert/headers';
import { formatBytes } from '@nemotron-convert/core';
import { dropped, picked } from './drop.js';
import type { Dropped } from './host/disk.js';
import type { Answer, Choice, ExportDtype, Question } from './messages.js';
import { element, showExport, showInspection, showPlan, showProblem, showTensors } from './show.js';

const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
const ask = (question: Question): void => worker.postMessage(question);
const form = element<HTMLFormElement>('choice');
const filter = element<HTMLInputElement>('filter');
const drop = element('drop');
let tensors: Inspection['tensors'] = [];
let original: readonly Dropped[] = [];

function status(text: string): void {
  element('status').textContent = text;
}

function open(files: readonly Dropped[]): void {
  for (const id of ['checkpoint', 'planning', 'returning', 'tensors']) element(id).hidden = true;
  showProblem(undefined);
  status('reading headers');
  ask({ kind: 'open', dropped: files });
}

function choice(): Choice {
  const data = new FormData(form);
  const size = (name: string): number => Number(data.get(name));
  return {
    dtype: data.get('dtype') as Choice['dtype'],
    target: data.get('target') as Choice['target'],
    tp: size('tp'),
    pp: size('pp'),
    ep: size('ep'),
    etp: size('etp'),
  };
}

function plan(): void {
  if (!form.checkValidity()) return;
  status('planning');
  ask({ kind: 'plan', choice: choice() });
}

function planBack(): void {
  if (original.length === 0) return;
  status('planning');
  const dtype = element<HTMLSelectElement>('export-dtype').value || null;
  ask({ kind: 'export', original, dtype: dtype as ExportDtype });
}

worker.addEventListener('message', ({ data }: MessageEvent<Answer>) => {
  showProblem(data.kind === 'failed' ? data.problem : undefined);
  status(`${formatBytes(data.bytesRead)} read`);
  if (data.kind === 'failed') {
    for (const id of ['plan', 'lists', 'export', 'export-lists']) element(id).replaceChildren();
    return;
  }
  if (data.kind === 'planned') {
    showPlan(data.plan);
    return;
  }
  if (data.kind === 'exported') {
    showExport(data.plan);
    return;
  }
  tensors = data.inspection.tensors;
  filter.value = '';
  showInspection(data.inspection);
  showTensors(tensors, '');
  const isSource = data.inspection.kind === 'Hugging Face checkpoint';
  element('planning').hidden = !isSource;
  element('returning').hidden = data.inspection.kind !== 'Megatron checkpoint';
  for (const id of ['export', 'export-lists']) element(id).replaceChildren();
  original = [];
  if (isSource) plan();
});

form.addEventListener('input', plan);
form.addEventListener('submit', (event) => event.preventDefault());
filter.addEventListener('input', () => showTensors(tensors, filter.value));
element<HTMLInputElement>('folder').addEventListener('change', ({ target }) => {
  open(picked((target as HTMLInputElement).files ?? new FileList()));
});
element<HTMLInputElement>('original').addEventListener('change', ({ target }) => {
  original = picked((target as HTMLInputElement).files ?? new FileList());
  planBack();
});
element('export-dtype').addEventListener('change', planBack);
drop.addEventListener('dragover', (event) => {
  event.preventDefault();
  drop.classList.add('over');
});
drop.addEventListener('dragleave', () => drop.classList.remove('over'));
drop.addEventListener('drop', (event) => {
  event.preventDefault();
  drop.classList.remove('over');
  if (event.dataTransfer !== null) void dropped(event.dataTransfer).then(open);
});
