import { PROFILE_KEYS } from '../packages/submit/dist/index.js';

const EXECUTORS = { slurm: 'Slurm', lepton: 'Lepton', dgxcloud: 'DGX Cloud' };
const NOTE = '<!-- written by npm run docs from packages/submit/src/profile-keys.ts -->';

/** The keys of profiles, by the executors that read them. */
export function profileReference() {
  const sections = Object.entries(EXECUTORS).map(([executor, title]) => section(executor, title));
  return `# Profiles and their keys

${NOTE}

A profile is a table of \`env.toml\`: \`executor\` names the backend, \`extends\` another profile whose keys it takes over. A run reads
the file that \`NEMOTRON_ENV_FILE\` names, else the nearest one in or above the working directory. Values may have interpolations,
as configurations have. Keys that a backend does not know are passed over, since profiles of the Python tool have some.

${sections.join('\n\n')}
`;
}

function section(executor, title) {
  const rows = Object.entries(PROFILE_KEYS)
    .filter(([, { executors }]) => executors === undefined || executors.includes(executor))
    .map(([key, row]) => `| \`${key}\` | ${row.required ? 'required' : (row.default ?? '')} | ${row.doc} |`);
  return [
    `## ${title}`,
    '',
    `\`executor = "${executor}"\``,
    '',
    '| key | default | |',
    '|---|---|---|',
    ...rows,
  ].join('\n');
}
