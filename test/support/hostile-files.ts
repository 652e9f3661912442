import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeSafetensors } from './safetensors.js';

type Write = (path: string) => void;

const tensor = (dtype: string, shape: unknown, offsets: unknown): string =>
  `{"dtype":${JSON.stringify(dtype)},"shape":${JSON.stringify(shape)},"data_offsets":${JSON.stringify(offsets)}}`;
/** A file with this text as its header. */
const header =
  (json: string | Buffer, data = 8, claimed?: bigint): Write =>
  (path) =>
    writeSafetensors(path, json as string, Buffer.alloc(data), claimed);
const two = (a: [unknown, unknown], b: [unknown, unknown]): string =>
  `{"a":${tensor('U8', [4], a)},"b":${tensor('U8', [4], b)}}`;
const nested = (open: string, close: string, depth: number): string =>
  open.repeat(depth) + close.repeat(depth);
const sparse =
  (bytes: number, head: Uint8Array = Buffer.alloc(0)): Write =>
  (path) => {
    writeFileSync(path, head);
    truncateSync(path, bytes);
  };
const length = (bytes: bigint): Buffer => {
  const buffer = Buffer.alloc(8);
  buffer.writeBigUInt64LE(bytes);
  return buffer;
};

/** Safetensors files that nobody honest writes. */
export const SAFETENSORS: Readonly<Record<string, Write>> = {
  empty: (path) => writeFileSync(path, ''),
  'seven bytes': (path) => writeFileSync(path, '1234567'),
  'a length of 2^64-1': header('{}', 0, 2n ** 64n - 1n),
  'a length of 2^63': header('{}', 0, 2n ** 63n),
  'a length above the limit': header('{}', 0, 100_000_001n),
  'a length beyond the file': header('{}', 0, 3000n),
  'a length of nothing': header('', 0),
  'no JSON': header('hello, world'),
  'an array': header('[]'),
  'a null': header('null'),
  'spaces first': header(' {}', 0),
  'no UTF-8': header(Buffer.from('{"\xff":1}', 'latin1')),
  'zeros after the JSON': header('{}\0\0\0\0', 0),
  'two documents': header('{}{}', 0),
  'deep arrays': header(`{"a":${nested('[', ']', 200_000)}}`),
  'deep objects': header(`${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}`),
  'deep metadata': header(`{"__metadata__":{"a":${nested('[', ']', 200_000)}}}`),
  'a tensor twice': header(`{"a":${tensor('U8', [8], [0, 8])},"a":${tensor('U8', [8], [0, 8])}}`),
  'metadata twice': header(`{"__metadata__":{},"__metadata__":{},"a":${tensor('U8', [8], [0, 8])}}`),
  'a field twice': header('{"a":{"dtype":"U8","dtype":"U8","shape":[8],"data_offsets":[0,8]}}'),
  'a negative offset': header(`{"a":${tensor('U8', [8], [-8, 0])}}`),
  'half an offset': header(`{"a":${tensor('U8', [8], [0.5, 8.5])}}`),
  'an offset of 1e400': header('{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,1e400]}}'),
  'overlapping tensors': header(two([0, 4], [2, 6]), 6),
  'the same bytes twice': header(two([0, 4], [0, 4]), 4),
  'a gap': header(two([0, 4], [6, 10]), 10),
  'an end before the beginning': header(`{"a":${tensor('U8', [8], [8, 0])}}`),
  'offsets beyond the file': header(`{"a":${tensor('U8', [80], [0, 80])}}`),
  'offsets near 2^64': header(
    '{"a":{"dtype":"U8","shape":[8],"data_offsets":[18446744073709551607,18446744073709551615]}}',
  ),
  'bytes after the last tensor': header(`{"a":${tensor('U8', [4], [0, 4])}}`),
  'an unknown dtype': header(`{"a":${tensor('U7', [8], [0, 8])}}`),
  'a shape that does not fit': header(`{"a":${tensor('U8', [9], [0, 8])}}`),
  'a shape that overflows': header(`{"a":${tensor('U8', [2 ** 40, 2 ** 40], [0, 8])}}`),
  'a shape that overflows to the right size': header(
    '{"a":{"dtype":"U8","shape":[8,2305843009213693953],"data_offsets":[0,8]}}',
  ),
  'a negative shape': header(`{"a":${tensor('U8', [-8], [0, 8])}}`),
  'a shape of texts': header(`{"a":${tensor('U8', ['8'], [0, 8])}}`),
  'three offsets': header(`{"a":${tensor('U8', [8], [0, 4, 8])}}`),
  'an unknown field': header('{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8],"code":"x"}}'),
  'no shape': header('{"a":{"dtype":"U8","data_offsets":[0,8]}}'),
  'metadata that is no text': header('{"__metadata__":{"a":1}}'),
  'an odd number of half bytes': header(`{"a":${tensor('F4', [3], [0, 2])}}`, 2),
  '90 MB of nothing as header': sparse(90_000_008, length(90_000_000n)),
  'a folder': (path) => mkdirSync(path),
  'a pipe': (path) => execFileSync('mkfifo', [path]),
  'a link to itself': (path) => symlinkSync(path, path),
};

const CONFIG = '{"architectures":["LlamaForCausalLM"],"model_type":"llama"}';
const INDEX = 'model.safetensors.index.json';
const folder =
  (files: Readonly<Record<string, string | Write>>): Write =>
  (path) => {
    mkdirSync(path);
    for (const [name, content] of Object.entries({
      'config.json': CONFIG,
      'tokenizer.json': '{}',
      ...files,
    })) {
      if (typeof content === 'string') writeFileSync(join(path, name), content);
      else content(join(path, name));
    }
  };
const fine = header(`{"a":${tensor('U8', [8], [0, 8])}}`);

/** Model directories that nobody honest makes. */
export const FOLDERS: Readonly<Record<string, Write>> = {
  'a deep config': folder({ 'config.json': nested('[', ']', 200_000), 'model.safetensors': fine }),
  'a list as config': folder({ 'config.json': '[]', 'model.safetensors': fine }),
  'a config of 300 MB': folder({ 'config.json': sparse(300e6), 'model.safetensors': fine }),
  'a config that is no text': folder({
    'config.json': (path) => writeFileSync(path, Buffer.from([0xff, 0xfe, 0x7b])),
    'model.safetensors': fine,
  }),
  'an index that climbs': folder({ [INDEX]: '{"weight_map":{"a":"../../etc/passwd"}}' }),
  'an index to the root': folder({ [INDEX]: '{"weight_map":{"a":"/etc/passwd"}}' }),
  'an index of lists': folder({ [INDEX]: '{"weight_map":["a"]}' }),
  'a deep index': folder({ [INDEX]: `{"weight_map":${nested('[', ']', 200_000)}}` }),
  'an index that promises more': folder({
    [INDEX]: '{"weight_map":{"a":"model.safetensors","b":"model.safetensors"}}',
    'model.safetensors': fine,
  }),
  'a tensor in two files': folder({ 'one.safetensors': fine, 'two.safetensors': fine }),
};

const pickle = (...parts: (string | Buffer)[]): Buffer =>
  Buffer.concat([Buffer.from([0x80, 2]), ...parts.map((part) => Buffer.from(part as string, 'latin1'))]);
const index = (bytes: Uint8Array): Write => folder({ '.metadata': (path) => writeFileSync(path, bytes) });
/** Each list holds the one before it ten times. */
const laughs = (): Buffer => {
  const levels = Array.from({ length: 39 }, (_, at) => {
    const before = `h${String.fromCharCode(at)}`.repeat(10);
    return `](${before}eq${String.fromCharCode(at + 1)}`;
  });
  return pickle('(]q\0', ...levels, 't.');
};

/** Indices of checkpoints that nobody honest writes. */
export const INDICES: Readonly<Record<string, Write>> = {
  'an empty index': index(Buffer.alloc(0)),
  'an index of one byte': index(Buffer.from([0x80])),
  'a call of os.system': index(pickle('cos\nsystem\nX\x02\0\0\0id\x85R.')),
  'a call of eval': index(pickle('cbuiltins\neval\nX\x01\0\0\x001\x85R.')),
  'a name from the stack': index(pickle('\x8c\x05posix\x8c\x06system\x93.')),
  'a list in itself': index(pickle(']q\0h\0a.')),
  'a memo number of 2^32-1': index(pickle('Nr\xff\xff\xff\xff.')),
  'a memo number never given': index(pickle('j\x07\0\0\0.')),
  'shared parts without end': index(laughs()),
  'a million open marks': index(pickle('('.repeat(1_000_000), '.')),
  'a million open lists': index(pickle(']'.repeat(1_000_000), 'a'.repeat(999_999), '.')),
  'a text of 2^63 bytes': index(pickle('\x8d\0\0\0\0\0\0\0\x80.')),
  'bytes of 4 GB': index(pickle('B\xff\xff\xff\xff.')),
  'a frame beyond the end': index(pickle('\x95\xff\xff\xff\0\0\0\0\0N.')),
  'an empty stack': index(pickle('0.')),
  'something after the end': index(pickle('N.N')),
  'protocol 0': index(Buffer.from('(lp0\n.')),
  'protocol 9': index(Buffer.from([0x80, 9, 0x4e, 0x2e])),
  'persistent ids': index(pickle('X\x01\0\0\0aQ.')),
  '900 MB of nothing as index': folder({ '.metadata': sparse(900e6) }),
  'an index of 2 GB': folder({ '.metadata': sparse(2e9, pickle('N.')) }),
};

/** Changes one file of a copy of a sound checkpoint. */
const changed =
  (file: string, change: (bytes: Buffer) => Buffer | undefined): ((path: string, sound: string) => void) =>
  (path, sound) => {
    cpSync(sound, path, { recursive: true });
    const name = join(path, 'iter_0000000', file);
    const bytes = readFileSync(name);
    writeFileSync(name, change(bytes) ?? bytes);
  };
const DATA = '__0_0.distcp';
/** Overwrites what lies at a distance from the last place of a signature, or from the first. */
const patched = (signature: string, offset: number, patch: Buffer, isFirst = false) =>
  changed(DATA, (bytes) => {
    const sought = Buffer.from(signature, 'latin1');
    const at = isFirst ? bytes.indexOf(sought) : bytes.lastIndexOf(sought);
    patch.copy(bytes, at + offset);
    return undefined;
  });
const path12 = (text: string) =>
  changed('.metadata', (bytes) => {
    for (let at = bytes.indexOf(DATA); at >= 0; at = bytes.indexOf(DATA, at + 1))
      bytes.write(text, at, 'latin1');
    return undefined;
  });
const END64 = 'PK\x06\x06';
const CENTRAL = 'PK\x01\x02';

/** Checkpoints whose data files lie. */
export const CHECKPOINTS: Readonly<Record<string, (path: string, sound: string) => void>> = {
  'an empty data file': changed(DATA, () => Buffer.alloc(0)),
  'half a data file': changed(DATA, (bytes) => bytes.subarray(0, bytes.length / 2)),
  'a data file of nothing': changed(DATA, (bytes) => Buffer.alloc(bytes.length)),
  'data outside the folder': path12('../../passwd'),
  'data at the root': path12('/etc/passwd1'),
  'a folder that is none': path12('__0_0/../../'),
  'zip64: 2^60 records': patched(END64, 32, length(2n ** 60n)),
  'zip64: a directory of 2^63 bytes': patched(END64, 40, length(2n ** 63n)),
  'zip64: a directory of a terabyte': patched(END64, 40, length(2n ** 40n)),
  'zip64: a directory at 2^64-1': patched(END64, 48, length(2n ** 64n - 1n)),
  'a zip bomb: compressed records': patched(CENTRAL, 10, Buffer.from([8, 0])),
  'encrypted records': patched(CENTRAL, 8, Buffer.from([1, 0])),
  'a record of two sizes': patched(CENTRAL, 20, Buffer.from([1, 0, 0, 0])),
  'a record beyond the end': patched(CENTRAL, 42, Buffer.from([0xfe, 0xff, 0xff, 0x7f]), true),
  'a record of 4 GB': patched(CENTRAL, 24, Buffer.from([0xfe, 0xff, 0xff, 0xff])),
  'no directory': patched('PK\x05\x06', 0, Buffer.from('XXXX')),
  'a directory elsewhere': patched('PK\x06\x07', 8, length(2n ** 63n)),
};
