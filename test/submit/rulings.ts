/** Cases in which the project does something else than the recorded tool, each with its reason. */
export const RULINGS: Readonly<Record<string, string>> = {
  'sl-no-checkout': 'what runs on the far side is this tool, so no source checkout is needed',
  'dg-tiny':
    'a number of nodes given as text is a number; the recorded tool fails after the data mover has run',
};

/** Steps of the recorded tool that this one does not ship yet. */
export const NOT_SHIPPED = ['convert/merge_lora', 'convert/megatron_to_hf'];
