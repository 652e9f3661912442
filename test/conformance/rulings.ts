const NO_CONVERTER = 'the recorded step starts a Python converter script; nothing is started here';
const SUPERSET = 'records an older revision; the later one, whose steps these are, is a superset';

/** Cases in which the project does something else than the recorded tool, each with its reason. */
export const RULINGS: Readonly<Record<string, string>> = {
  'double-dash-both':
    '-r and -b exclude each other, wherever they stand; the recorded tool lets --run win silently',
  'h2m-dtype-bad': 'a dtype outside the three is refused in every mode',
  'h2m-dtype-both': '`dtype` is the documented name and has the last word over torch_dtype',
  'h2m-script-default': NO_CONVERTER,
  'h2m-script-dir': NO_CONVERTER,
  'h2m-shipped': NO_CONVERTER,
  'h2m-supports-map': NO_CONVERTER,
  'h2m-tp-negative': 'a negative size passes the recorded checks by accident; sizes are at least 1',
  'look-dry': 'lines are never cut at the width of the terminal; the frame grows',
  'look-dry-secret': 'secrets are masked in the recorded words of the command line as well',
  'look-show': 'a block lists the parameters that the recorded step does not have',
  'm2h-supports': NO_CONVERTER,
  'ml-mb-fails': 'the recorded step starts a script, which fails; nothing is started here',
  'seed-dtype-shadowed': '`dtype` is the documented name and has the last word over torch_dtype',
  'seed-example-2': SUPERSET,
  'seed-show': SUPERSET,
  'seed-show-m2h': SUPERSET,
  'seed-tiny': SUPERSET,
};
