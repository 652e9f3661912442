// Converts a model whose class Megatron-Bridge does not know: a Llama that keeps its layers under `transformer.blocks`.
//   node examples/custom-family.js SOURCE TARGET
import { attentionRows, convert, endRows, FAMILIES, gatedMlpRows } from '@nemotron-convert/convert';

const llama = FAMILIES.find(({ architectures }) => architectures.includes('LlamaForCausalLM'));
if (llama === undefined) throw new Error('no Llama');

/** @type {import('@nemotron-convert/convert').Family} */
const houseLlama = {
  // Defaults, rules from config.json and the shape of the decoder are Llama's; the names of the tensors are not.
  ...llama,
  architectures: ['HouseLlamaForCausalLM'],
  example: 'house/llama',
  rows: [
    ...endRows('transformer'),
    ...attentionRows('transformer.blocks'),
    ...gatedMlpRows('transformer.blocks'),
  ],
  drops: [{ tensors: /^value_head\./, reason: 'the value head is trained elsewhere' }],
};

const [, , hfModelId = 'house-llama', megatronPath = 'out/house-llama'] = process.argv;
const report = await convert({ hfModelId, megatronPath }, { families: [houseLlama] });
for (const { tensors, reason } of report.drops) console.log(`left out: ${tensors.join(', ')}: ${reason}`);
console.log(`${report.path}: ${report.architecture}, ${report.tensors} tensors`);
