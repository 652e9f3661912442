import {
  type ConvertOptions,
  type ConvertReport,
  convert,
  convertMany,
  type Family,
  type NemotronError,
  type Outcome,
  type ProgressEvent,
  streamEvents,
} from '@nemotron-convert/convert';
import { expectTypeOf, test } from 'vitest';

test('two paths are all that a conversion needs', () => {
  expectTypeOf<{ hfModelId: string; megatronPath: string }>().toExtend<ConvertOptions>();
  expectTypeOf<{ hfModelId: string }>().not.toExtend<ConvertOptions>();
  expectTypeOf<ConvertOptions['dtype']>().toEqualTypeOf<'bfloat16' | 'float16' | 'float32' | undefined>();
  expectTypeOf(convert).returns.resolves.toEqualTypeOf<ConvertReport>();
});

test('events are told apart by their kind', () => {
  const stream = streamEvents((onProgress) => convert({ hfModelId: 'a', megatronPath: 'b' }, { onProgress }));
  expectTypeOf(stream).toExtend<AsyncIterable<ProgressEvent>>();
  expectTypeOf(stream.result).resolves.toEqualTypeOf<ConvertReport>();
  expectTypeOf<Extract<ProgressEvent, { kind: 'bytes' }>['total']>().toEqualTypeOf<number>();
});

test('outcomes carry a report or an error', () => {
  expectTypeOf(convertMany).parameter(0).toEqualTypeOf<readonly ConvertOptions[]>();
  expectTypeOf<Extract<Outcome, { status: 'failed' }>['error']>().toEqualTypeOf<NemotronError>();
  expectTypeOf<Extract<Outcome, { status: 'converted' }>['report']>().toEqualTypeOf<ConvertReport>();
});

test('a family says how its decoder is built', () => {
  expectTypeOf<Omit<Family, 'rows'>>().not.toExtend<Family>();
  expectTypeOf<Family['rows'][number][0]>().toEqualTypeOf<string>();
});
