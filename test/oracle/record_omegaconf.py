"""Records what OmegaConf 2.3.0 and PyYAML 6.0.3 do with random input: one JSON array for each kind.

Usage: python record_omegaconf.py OUT_DIR [COUNT] [SEED]

Kinds: dump (a tree and the YAML that OmegaConf and PyYAML write), interpolation (a config and its resolved value or
the error's class), merge (three configs), yaml (a text), dotlist (a config and overrides).
"""

import json
import os
import random
import sys
import warnings
from pathlib import Path

import yaml
from omegaconf import OmegaConf
from omegaconf._utils import get_omega_conf_dumper, get_yaml_loader

warnings.simplefilter("ignore")
ENV = {"V": "val", "N": "5", "E": ""}


def encode(value):
    """Types that JSON cannot tell apart are tagged, as in the recorded cases."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else {"$int": str(value)}
    if isinstance(value, float):
        return {"$float": repr(value)}
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        return {"$map": [[encode(key), encode(item)] for key, item in value.items()]}
    raise TypeError(type(value).__name__)


class Unaliased:
    def ignore_aliases(self, data):
        return True


class Dumper(Unaliased, yaml.Dumper):
    pass


CHARS = list("abz019 '\"\\:#-?,[]{}&*!|>%@`=~._\n\t/$()+eE\r\0\x07é中😀\u00a0\u2028\u0085\ufeff") + [
    *("  ", "word ", "word word ", "yes", "null", "1e5", "0x1f", "---", "2024-01-01", "12:30", ": ", " #", "\n\n", "\n "),
]
FLOATS = [0.0, -0.0, 1.0, 1e-5, 1e16, 1e15, 1.5e300, float("inf"), float("-inf"), float("nan"), 0.0001]


def dump_text(r):
    length = r.choice([0, 1, 1, 2, 3, 5, 8, 20, 60, 150])
    if r.random() < 0.3:
        return "".join(r.choice(["word", "x", "long-token", "${a}", " ", "  ", "'", "é"]) for _ in range(length))
    return "".join(r.choice(CHARS) for _ in range(length))


def dump_value(r, depth):
    kind = r.random()
    if depth > 0 and kind > 0.75:
        return {dump_text(r): dump_value(r, depth - 1) for _ in range(r.randint(0, 4))}
    if depth > 0 and kind > 0.5:
        return [dump_value(r, depth - 1) for _ in range(r.randint(0, 4))]
    scalar = r.random()
    if scalar < 0.6:
        return dump_text(r)
    if scalar < 0.7:
        return r.choice([None, True, False])
    if scalar < 0.85:
        return r.choice([0, -1, 8, 10**30, r.randint(-(10**6), 10**6)])
    return r.choice([*FLOATS, r.random(), r.gauss(0, 1e8)])


def dump(r):
    value = {dump_text(r): dump_value(r, 3) for _ in range(3)}
    options = {"default_flow_style": False, "sort_keys": False}
    quoting = type("Quoting", (Unaliased, get_omega_conf_dumper()), {})
    return {
        "value": encode(value),
        "omegaconf": yaml.dump(value, allow_unicode=True, Dumper=quoting, **options),
        "pyyaml": yaml.dump(value, Dumper=Dumper, **options),
    }


TOKENS = (
    "${ ${ } } a b m l . .. [ ] 0 1 oc.env: oc.env: oc.decode: oc.select: oc.create: oc.dict.keys: oc.dict.values: V N "
    "NOPE , : ' \" \\ \\\\ $ { } null true 5 1.5 1e3 x y_z - _ / é = ~ # m.k l[0] ${a} ${m} ${l} ${.a} ${m.k} inf 007 "
    "1_000 \\' ( foo:"
).split(" ") + [" ", "\t"]
WORDS = (
    "x|y z|5|1.5|null|true|a:b|a/b|é|1e3|007|-5|a\\,b|a\\:b||  p  |~|a b|x-y|$x|a.b|%|\\x|\\\\|NOPE".split("|")
)
REFERENCES = (
    "${a} ${m.k} ${l[1]} ${l.0} ${m} ${l} ${n} ${f} ${.a} ${zz} ${m.zz} ${m[k]} ${m.${s}} ${m[${s}]} ${a.b} ${m.r} ${e} "
    "${miss} ${t}"
).split(" ")
RESOLVERS = (
    "oc.env:V|oc.env:NOPE,|oc.env: NOPE ,|oc.decode:|oc.select:zz,|oc.select:|oc.create:|oc.dict.keys:|"
    "oc.dict.values:|oc.env:E,|oc.env:"
).split("|")


def argument(r, depth):
    kind = r.random()
    if kind < 0.25:
        return r.choice(WORDS)
    if kind < 0.45:
        inner = ["x", "a, b", "${a}", "it's", "\\${a}", "\\\\", "\\'", '\\"', "", "${m}", " s "]
        return r.choice("'\"") + r.choice(inner) + r.choice("'\"")
    if kind < 0.6 and depth:
        return "[" + ",".join(argument(r, depth - 1) for _ in range(r.randint(0, 3))) + "]"
    if kind < 0.7 and depth:
        keys = ["k", "1", "true", "'q'", "a b", "n-m"]
        pairs = [r.choice(keys) + r.choice([":", ": ", " : "]) + argument(r, depth - 1) for _ in range(r.randint(0, 3))]
        return "{" + ",".join(pairs) + "}"
    if kind < 0.85:
        return reference(r, depth - 1)
    return r.choice(["m.k", "m", "l", "a", "l[0]", ".a", "..a", "m.r", "zz"])


def reference(r, depth):
    if depth <= 0:
        return r.choice(REFERENCES)
    return "${" + r.choice(RESOLVERS) + argument(r, depth) + r.choice(["", " ", ",x", ""]) + "}"


def interpolated(r):
    if r.random() < 0.4:
        return "".join(r.choice(TOKENS) for _ in range(r.randint(1, 9)))
    before = r.choice(["", "pre-", " ", "\\", "\\\\", "'", "$"])
    return before + reference(r, r.randint(0, 3)) + r.choice(["", "", "/post", "}", " ${a}", "\\", "'"])


def interpolation(r):
    config = {"a": 1, "s": "k", "n": None, "f": 1e-5, "e": "", "t": True, "miss": "???"}
    config |= {"m": {"k": "v", "r": "${..a}", "d": {"z": 2}}, "l": [10, "${a}", {"q": "${m.k}"}]}
    text = interpolated(r)
    place = r.choice("vml")
    if place == "l":
        config["l"].append(text)
    else:
        (config["m"] if place == "m" else config)["v"] = text
    return outcome({"config": encode(config)}, lambda: OmegaConf.to_container(OmegaConf.create(config), resolve=True))


KEYS = ["a", "b", "c", "d", "e", "x", 1, True]


def merge_value(r, depth):
    kind = r.random()
    if kind < 0.4 or depth <= 0:
        texts = "s ??? ${a} ${b} ${c.a} ${.a} ${..b} ${zz} x${a} ${oc.env:NOPE} ${l}".split(" ")
        return r.choice([1, None, True, 1.5, *texts])
    if kind < 0.75:
        return {r.choice(KEYS): merge_value(r, depth - 1) for _ in range(r.randint(0, 4))}
    return [merge_value(r, depth - 1) for _ in range(r.randint(0, 3))]


def merge(r):
    configs = [{r.choice([*KEYS, "l"]): merge_value(r, 3) for _ in range(r.randint(0, 5))} for _ in range(3)]
    merged = lambda: OmegaConf.to_container(OmegaConf.merge(*map(OmegaConf.create, configs)))
    return outcome({"configs": [encode(config) for config in configs]}, merged)


SCALARS = (
    "1¦a¦yes¦010¦1:30¦1e3¦.5¦~¦¦'q'¦\"d\\n\"¦[1, a]¦{k: v}¦&x 1¦*x¦- 1¦x: y¦!!str 5¦!!int '3'¦!!float 1¦!foo 1¦<<¦=¦"
    "|\n  t\n  u¦> \n  t\n  u¦# c¦a #b¦a#b¦${a}¦'it''s'¦[a, [b], {c: d}]¦{a, b: }¦{}¦[]¦...¦---¦%x¦@x¦`x¦a: b: c¦- - 1¦"
    "null¦0x1F¦0b11¦0o7¦1_000¦-.5¦+.inf¦.NaN¦2001-01-01¦'a': 1¦\"a\" : 1¦[1,2¦{a: 1¦'x¦\t1¦a\tb¦a\\b¦é¦- a\n- b¦"
    "k: 1\nj: 2¦1: a¦true: b¦null: c¦1.5: d¦[1]: 2¦!!null x¦!!bool yes¦a,b¦[a, ]¦{a: 1, }¦[,]¦{a: 1, a: 2}¦'a' b¦"
    "\"\\x41\\u00e9\"¦\"a\n  b\"¦a\n  b¦1__0¦190:20:30¦-¦:¦|¦\"\\q\"¦! 5¦<<: {a: 1}¦{<<: {q: 1}, q: 2}¦"
    "{<<: [{a: 1}, {a: 2, b: 3}]}¦--- 1¦&x¦!!str¦[!!str 1, 2]"
).split("¦")


def document(r, nested=False):
    kind = r.random()
    if not nested and kind < 0.4:
        keys = ["a", "b", "c", "'a'", "1", "yes", "d e", "<<", "k.x", '"q"', "", "~", "&k kk", "*k"]
        lines = [
            r.choice(keys) + r.choice([": ", ": ", ":", " : "]) + r.choice(SCALARS).replace("\n", "\n  ")
            for _ in range(r.randint(1, 4))
        ]
        return "\n".join(lines) + r.choice(["", "\n", "\n# end\n", "\n...\n", "\n---\nb: 1"])
    if kind < 0.5:
        return r.choice(SCALARS)
    if kind < 0.75:
        indent = r.choice(["  ", " ", "    "])
        inner = "\n".join(indent + line for line in document(r, True).split("\n"))
        return f"a:\n{inner}\n" + r.choice(["b: 1", "c: [1,\n  2]", "", "d: {x: 1,\n y: 2}"])
    if kind < 0.9:
        items = [r.choice(["- ", "  - "]) + r.choice(SCALARS).replace("\n", "\n    ") for _ in range(r.randint(1, 3))]
        return "l:\n" + "\n".join(items)
    pairs = ["a: 1", "b", "'c': d", "e: [1]", "f: {g: h}", '"i":j', "1: 2", "k:", "a:1"]
    return "{" + ", ".join(r.choice(pairs) for _ in range(r.randint(0, 4))) + "}"


def load(text):
    found = yaml.load(text, Loader=get_yaml_loader())
    if found is not None and not isinstance(found, (list, dict, str)):
        raise OSError("not a config")
    return OmegaConf.to_container(OmegaConf.create() if found is None else OmegaConf.create(found))


def yaml_document(r):
    text = document(r)
    return outcome({"text": text}, lambda: load(text))


BASES = [
    "a: 1\nb: x\nm: {k: v, l: [1]}\nl: [1, {q: 2}]\n",
    "m: {k: {z: 1}}\nl: []\na: ${m}\nb: ${l}\nc: ${a}",
    "a: null\nm: ???\nl: '${zz}'",
]
PARTS = ["a", "b", "m", "l", ".", "[0]", "[k]", ".k", "..", "[", "]", "a b", "'q'", "", "l.1", "0"]


def override(r):
    key = "".join(r.choice(PARTS) for _ in range(r.randint(1, 3)))
    return key + r.choice(["=", "=", "=", "", "=="]) + r.choice([*SCALARS, "${a}", "${m}", "{k: 2}", "[9]", "???"])


def dotlist(r):
    base, words = r.choice(BASES), [override(r) for _ in range(r.randint(1, 3))]
    merged = lambda: OmegaConf.to_container(OmegaConf.merge(OmegaConf.create(base), OmegaConf.from_dotlist(words)))
    return outcome({"text": base, "dotlist": words}, merged)


def outcome(given, work):
    try:
        return {**given, "expect": {"value": encode(work())}}
    except Exception as error:  # every class is recorded
        return {**given, "expect": {"error": type(error).__name__}}


KINDS = {"dump": dump, "interpolation": interpolation, "merge": merge, "yaml": yaml_document, "dotlist": dotlist}


def main():
    out, *numbers = sys.argv[1:]
    count = int(numbers[0]) if numbers else 300
    seed = int(numbers[1]) if len(numbers) > 1 else 1
    os.environ.clear()
    os.environ.update(ENV)
    for name, record in KINDS.items():
        r = random.Random(seed)
        some = count if name != "dump" else count // 5  # the longest by far
        lines = [json.dumps(record(r)) for _ in range(some)]
        (Path(out) / f"{name}.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")


main()
