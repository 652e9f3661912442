import { NemotronError } from '@nemotron-convert/core';

/** Files that hold a vocabulary: one of them makes a tokenizer. */
const VOCABULARY = [
  'tokenizer.json',
  'tokenizer.model',
  'vocab.json',
  'vocab.txt',
  'spiece.model',
  'sentencepiece.bpe.model',
  'tekken.json',
];
const COMPANIONS = [
  'added_tokens.json',
  'chat_template.jinja',
  'chat_template.json',
  'merges.txt',
  'special_tokens_map.json',
  'tokenizer_config.json',
];

const CODE = /^tokenization_\w+\.py$/;

/** Whether a file of this name belongs to a tokenizer. */
export function isTokenizerFile(name: string): boolean {
  return (
    VOCABULARY.includes(name) || COMPANIONS.includes(name) || name.endsWith('.tiktoken') || CODE.test(name)
  );
}

/** The tokenizer's files among `names`, sorted. Throws SOURCE_TOKENIZER_MISSING when none holds a vocabulary. */
export function tokenizerFiles(dir: string, names: ReadonlySet<string>): string[] {
  const vocabulary = [...names].filter((name) => VOCABULARY.includes(name) || name.endsWith('.tiktoken'));
  if (vocabulary.length === 0) {
    throw new NemotronError(
      'SOURCE_TOKENIZER_MISSING',
      `${dir} has none of ${VOCABULARY.join(', ')}, *.tiktoken`,
      {
        facts: { path: dir, expected: VOCABULARY },
      },
    );
  }
  const code = [...names].filter((name) => CODE.test(name));
  return [...vocabulary, ...COMPANIONS.filter((name) => names.has(name)), ...code].sort();
}
