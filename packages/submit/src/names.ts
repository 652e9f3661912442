/** The title of a step's jobs: `convert/hf_to_megatron` is `convert-hf-to-megatron`. */
export function titleOf(stepId: string): string {
  return stepId.replaceAll(/[/_]/g, '-').toLowerCase();
}

/** Kubernetes names end at 63 characters; the cloud services add to them. */
const MAX_POD_NAME = 34;

/** The name of a step's jobs in the clouds, where the recorded jobs are called after the script. */
export function podNameOf(stepId: string): string {
  return `${titleOf(stepId).replaceAll('.', '-')}-step`.slice(0, MAX_POD_NAME);
}

/** The squash file of an image: `nvcr.io/nvidia/nemo:26.04` is `nvcr_io_nvidia_nemo_26_04.sqsh`. */
export function squashName(image: string): string {
  const archive = /^docker-archive:.*\/([^/]+)$/.exec(image);
  const name = archive?.[1] ?? image;
  return `${name.replaceAll(/[^A-Za-z0-9]+/g, '_').replaceAll(/^_+|_+$/g, '')}.sqsh`;
}

/** A name that a shell takes as a variable. */
export function isVariableName(name: string): boolean {
  return /^[A-Za-z_]\w*$/.test(name);
}
