"""Record what another Megatron-Core changes of the defaults that a Bridge version's release has, as TypeScript data.

    python record_core_changes.py tell FILE CHECKPOINT                       # on each stack: its tables as JSON
    python record_core_changes.py compare RELEASE.json OTHER.json packages/convert/src/models/defaults/core-NAME.generated.ts

CHECKPOINT is one that this stack has imported: run_config.yaml has the sections around the provider.
"""
import json
import sys

import yaml

from record_provider_defaults import PROVIDERS, literal

# Classes that a family with a Megatron-Core of its own is built by.
CLASSES = ["MLAModelProvider"]
# What each conversion fills in.
PATHS = ("save", "tokenizer_model")


def tell(path, checkpoint):
    import shims
    from record_goldens import stubs
    from record_provider_defaults import provider_defaults

    stubs()
    shims.init()
    with open(f"{checkpoint}/iter_0000000/run_config.yaml") as file:
        sections = yaml.safe_load(file)
    del sections["model"]
    with open(path, "w") as out:
        json.dump({"providers": {name: provider_defaults(name, *PROVIDERS[name]) for name in CLASSES}, "sections": sections}, out)


def change(release, other):
    """What to leave out of a map and what to put in."""
    fields = {key: other[key] for key in sorted(other) if key not in release or release[key] != other[key]}
    return {"omit": sorted(release.keys() - other.keys()), "fields": fields}


def compare(release, other, path):
    before, after = (json.load(open(file)) for file in (release, other))
    lines = [
        "// Recorded by test/oracle/record_core_changes.py; do not edit.",
        "import type { CoreChanges } from '../core.js';",
        "",
        "export const changes: CoreChanges = {",
    ]
    for kind in ("providers", "sections"):
        lines.append(f"  {kind}: {{")
        for name, fields in after[kind].items():
            known = before[kind].get(name)
            if not isinstance(fields, dict):
                assert fields == known, f"{kind} {name}: {known} has become {fields}"
                continue
            found = change(*({key: value for key, value in map.items() if key not in PATHS} for map in (known, fields)))
            if found["omit"] or found["fields"]:
                lines.append(f"    {name}: {{ omit: {literal(found['omit'])}, fields: {literal(found['fields'])} }},")
        lines.append("  },")
    lines.append("};")
    with open(path, "w") as out:
        out.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    {"tell": tell, "compare": compare}[sys.argv[1]](*sys.argv[2:])
