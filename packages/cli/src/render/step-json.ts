import type { Artifact, Manifest, Parameter } from '../steps/manifest.js';

/** A step as `list --json` and `show --json` print it; the order of the keys is part of the format. */
export function stepJson(step: Manifest) {
  const { id, name, category, description, tags, path } = step;
  return {
    id,
    name,
    category,
    description,
    tags,
    path,
    consumes: step.consumes.map(artifactJson),
    produces: step.produces.map(artifactJson),
    parameters: step.parameters.map(parameterJson),
  };
}

export function stepJsonWithRunspec(step: Manifest) {
  const { runspec } = step;
  const json =
    runspec === undefined
      ? null
      : {
          name: runspec.name,
          image: runspec.image,
          launch: runspec.launch,
          config_dir: runspec.configDir,
          default_config: runspec.defaultConfig,
          resources: { nodes: runspec.nodes, gpus_per_node: runspec.gpusPerNode },
        };
  return { ...stepJson(step), runspec: json };
}

function artifactJson({ type, required, description }: Artifact) {
  return { type, required, description };
}

function parameterJson({ name, default: value, description, choices }: Parameter) {
  return { name, default: value, description, choices };
}
