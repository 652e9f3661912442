"""Record the constant sections of a run_config.yaml that the real stack wrote, as TypeScript data.

    python record_run_config.py TARGET CHECKPOINT packages/convert/src/models/defaults/container-TARGET.generated.ts

Everything but `model` is constant except for three paths, which output/run-config.ts fills in.
"""
import sys

import yaml

from record_provider_defaults import literal


def main(target, checkpoint, path):
    with open(f"{checkpoint}/iter_0000000/run_config.yaml") as file:
        config = yaml.safe_load(file)
    config["checkpoint"]["save"] = None
    config["tokenizer"]["tokenizer_model"] = None
    del config["model"]
    with open(path, "w") as out:
        out.write(f"// Recorded from Megatron-Bridge {target} by test/oracle/record_run_config.py; do not edit.\n")
        out.write("import type { PyMap } from '@nemotron-convert/core';\n\nexport const container: PyMap = {\n")
        for key in sorted(config):
            out.write(f"  {key}: {literal(config[key])},\n")
        out.write("};\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
