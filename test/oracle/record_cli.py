"""Records what the Python tool's `steps run` does with random command lines, configurations and profiles.

Usage: python record_cli.py UPSTREAM_SRC OUT_FILE [COUNT] [SEED]

UPSTREAM_SRC is `src` of a checkout of NVIDIA-NeMo/Nemotron; omegaconf 2.3.0, typer 0.20.0 and click 8.2.1 are needed.
A case has the form of those under test/conformance/cases: files, env and argv; the exit code, the class of an error, the
compiled job, the resolved training config, and the text of job.yaml and train.yaml. Nothing is started or submitted.
"""

import io
import json
import os
import random
import shutil
import sys
import tempfile
import warnings
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

warnings.simplefilter("ignore")
SRC = str(Path(sys.argv[1]).resolve())
sys.path.insert(0, SRC)

import click  # noqa: E402
import typer  # noqa: E402
from nemo_runspec import config as configs  # noqa: E402
from nemotron.cli.bin.nemotron import app  # noqa: E402
from nemotron.cli.commands.steps import run_cmd  # noqa: E402
from omegaconf import OmegaConf  # noqa: E402

STEP = "convert/hf_to_megatron"
STEPS = f"{SRC}/nemotron/steps"


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
        # Digits as keys would lose their place in JavaScript.
        if all(isinstance(key, str) and not key.isdigit() for key in value):
            return {key: encode(item) for key, item in value.items()}
        return {"$map": [[encode(key), encode(item)] for key, item in value.items()]}
    return str(value)


SCALARS = (
    "1 0 -3 010 08 0x1f 0b11 0o7 1_000 1:30 1.5 1e3 1e-5 .5 -.5 1. .inf -.INF .nan yes No ON off true False y n null ~ "
    "a a-b a/b a.b.c v1.2 'q' '' \"d\\n\" \"é\" é text:x 2024-01-01 12:30:00 26.10 1e400 12345678901234567890 ??? {} [] "
    "[1,a] {k:1} nvcr.io/x:1 art:v3 name:latest ns/art:12 KEY=v a,b"
).split(" ") + ["two words", "a: b", "- x", "x #y", "#y", "[${a}]", "@x", "`x", "*x", "&x 1", "{k: 1, j: [2]}", "a=b", "x" * 90 + " y"]
REFERENCES = (
    "${a} ${m.k} ${.a} ${..a} ${l[0]} ${l.1} ${m} ${zz} ${oc.env:V} ${oc.env:NOPE} ${oc.env:NOPE,d} ${oc.env:NOPE,1.50} "
    "${oc.env:NOPE,null} ${oc.env:NOPE,${a}} ${oc.env:PWD}/out ${oc.env:PWD} ${oc.env:NEMO_RUN_DIR,/x}/y x${a}y "
    "${run.mode} ${run.env.nodes} ${run.recipe.name} ${run.cli.config} ${run.wandb.project} p-${run.profile} ${run.zz} "
    "\\${a} \\\\${a} $${a} ${oc.decode:'[1, x]'} ${oc.select:zz,3} ${oc.select:m.k} ${oc.create:{q:1}} ${m.${s}} ${env:V} "
    "${oc.dict.keys:m} {cwd}/data {cwd}2/data /abs/path ${ ${} } "
    "${oc.env:PWD}/${oc.env:PWD} ${oc.env:HOME} a}${a}{"
).split(" ")
KEYS = ["a", "b", "s", "m", "l", "tp", "hf_model_id", "x-y", "x.y", "k z", "1", "true", "API_KEY", "tokenizer", "'q'"]


def scalar(r):
    return r.choice(REFERENCES) if r.random() < 0.4 else r.choice(SCALARS)


def quoted(r, text):
    """As a value of a YAML map: mostly in a form that is meant to load."""
    if r.random() < 0.15:
        return text
    if text.startswith(("${", "@", "`", "*", "{cwd}", "}", "{", "[", "#", "&", "\\")) or ": " in text or " #" in text:
        return "'" + text.replace("'", "''") + "'" if r.random() < 0.8 else json.dumps(text)
    return text


def block(r, depth, indent=""):
    lines = []
    keys = r.sample(KEYS, r.randint(1, 4))
    for key in keys:
        kind = r.random()
        if depth and kind < 0.25:
            lines += [f"{indent}{key}:", *block(r, depth - 1, indent + "  ")]
        elif depth and kind < 0.4:
            lines.append(f"{indent}{key}:")
            lines += [f"{indent}- {quoted(r, scalar(r))}" for _ in range(r.randint(1, 3))]
        else:
            lines.append(f"{indent}{key}: {quoted(r, scalar(r))}")
    return lines


def run_section(r):
    lines = ["run:"]
    for _ in range(r.randint(1, 3)):
        lines += r.choice(
            [
                ["  env:", f"    {r.choice(ENV_KEYS)}: {r.choice(['2', 'x', '[a]', '{K: v}', 'null'])}"],
                [f"  wandb: {{project: {r.choice(['p', 'null'])}, entity: e}}"],
                [f"  art: {r.choice(['data:v1', 'x/y:latest', 'Artifact', 'plain', 'n:3'])}"],
                [f"  other: {quoted(r, scalar(r))}"],
            ]
        )
    seen = set()
    # A key that is there twice would hide everything else.
    return [line for line in lines if line.startswith("    ") or not (line in seen or seen.add(line.split(":")[0]))]


ENV_KEYS = "nodes gpus_per_node nprocs_per_node nproc_per_node ntasks_per_node container_image container mounts env_vars time partition".split()


def config_file(r, names):
    lines = []
    if names and r.random() < 0.6:
        some = [r.choice([name, name, f"./{name}", f"{name}.yaml", "_self_", "absent"]) for name in r.sample(names, r.randint(1, len(names)))]
        form = r.random()
        if form < 0.6:
            lines += ["defaults:", *[f"- {name}" for name in some]]
        elif form < 0.8:
            lines.append(f"defaults: {some[0]}")
        else:
            lines.append("defaults: " + r.choice(["[]", "null", "{a: b}", "[1]", "[_self_]", "''", "${b}"]))
    if r.random() < 0.3:
        lines += run_section(r)
    lines += block(r, r.randint(0, 2))
    return "\n".join(lines) + r.choice(["\n", "\n", "", "\n# end\n"])


TOML_VALUES = ['"x"', "1", "2.5", "true", "[1, 2]", '["a", "b"]', "{ A = 1 }", '"${.executor}"', '"${oc.env:V}"', '"${oc.env:NOPE}"', '"${oc.env:NOPE,d}"', '"${nodes}"', '"it\'s"', '""', '"${zz}"', '"4"', "'''a\nb'''", "1e3", "0x10", "-0.0", "inf"]


def env_toml(r):
    lines = []
    for name in r.sample(["base", "dev", "prod", "wandb", "artifacts", "cli", "a.b"], r.randint(1, 4)):
        lines.append(f"[{name}]")
        if r.random() < 0.5 and name not in ("wandb", "artifacts"):
            lines.append(f'extends = {r.choice([chr(34) + n + chr(34) for n in ("base", "base", "dev", "prod", "absent")])}')
        if r.random() < 0.8:
            lines.append(f'executor = {r.choice([chr(34) + n + chr(34) for n in ("local", "local", "docker", "", "slurm")])}' if name not in ("wandb", "artifacts") else 'project = "p"')
        for key in r.sample([*ENV_KEYS, "executor2", "remote_job_dir", "startup_commands"], r.randint(0, 4)):
            value = r.choice(TOML_VALUES) if r.random() < 0.6 else {"env_vars": "{ K = 1, L = true }", "mounts": '["/a:/b", "${oc.env:PWD}/x:/y"]', "startup_commands": '["true"]'}.get(key, '"2"')
            lines.append(f"{key} = {value}")
        if r.random() < 0.2:
            lines += [f"[{name}.env_vars]", f"Z = {r.choice(TOML_VALUES)}"]
    return "\n".join(lines) + "\n"


def word(r):
    kind = r.random()
    if kind < 0.55:
        key = r.choice(["a", "m.k", "m", "l", "l[0]", "l.0", "m[k]", "run.env.nodes", "run.env.container_image", "run.x", "tp", "a.b", "", "~a", "+a", "a b", "run.env.executor", "defaults", "m.", ".m", "a[", "x-y"])
        return f"{key}={scalar(r)}" if key != "run.env.executor" else f"{key}={r.choice(['local', 'docker', '', 'null'])}"
    if kind < 0.75:
        return r.choice(["--flag", "--flag=x", "-x", "plain", "", "--no-strict", "-x=1", "a b", "--", "-", "---", "--a=b=c", "é", "-9"])
    return r.choice(["-d", "--dry-run", "-dx", "-xd", "-x=d", "--force-squash", "--stage", "-cconf", "-c=conf", "--config=conf", "--run=base", "--batch=dev", "-dd", "-dc", "--dry", "--conf", "-D", "--dry-run=1", "-rx"])


def argv(r, names, profiles):
    words = [word(r) for _ in range(r.choice([0, 1, 1, 2, 3, 5]))]
    if r.random() < 0.8:
        config = r.choice([f"./{name}.yaml" for name in names] + ["conf/" + names[0] + ".yaml", names[0], "tiny", "default", "./absent.yaml", ""]) if r.random() < 0.15 else f"./{r.choice(names)}.yaml"
        words[r.randint(0, len(words)) : 0] = r.choice([["-c", config], ["--config", config], [f"--config={config}"], [f"-c{config}"]])
    if profiles and r.random() < 0.5:
        profile = r.choice([*profiles, "base", "absent", ""]) if r.random() < 0.25 else r.choice(profiles)
        words[r.randint(0, len(words)) : 0] = r.choice([["-r", profile], ["-b", profile], ["--run", profile], ["--batch", profile]])
    words.insert(r.randint(0, len(words)) if r.random() < 0.3 else 0, STEP if r.random() < 0.9 else r.choice(["hf_to_megatron", "convert/hf_to_megatrom", "merge", "Convert/hf_to_megatron", "convert/", ""]))
    return ["steps", "run", *words]


def invent(r):
    names = r.sample(["one", "two", "three"], r.randint(1, 3))
    files = {}
    for at, name in enumerate(names):
        files[f"{name}.yaml"] = config_file(r, names[at + 1 :] if r.random() < 0.95 else names)
    profiles = []
    if r.random() < 0.6:
        files["env.toml"] = env_toml(r)
        profiles = [line[1:-1] for line in files["env.toml"].splitlines() if line.startswith("[") and not line.startswith(("[wandb", "[artifacts", "[cli")) and ".env_vars" not in line]
    env = {"V": r.choice(["val", "", "5", "a b"])}
    if r.random() < 0.2:
        env["NEMO_RUN_DIR"] = "/runs"
    return {"files": files, "env": env, "argv": argv(r, names, profiles)}


class Recorder:
    def __init__(self):
        self.command = typer.main.get_command(app)
        self.found = {}
        run_cmd.display_job_config = self.display
        run_cmd.display_job_submission = lambda *args, **kwargs: None
        run_cmd.generate_job_dir = self.job_dir
        run_cmd.get_backend = self.backend
        split = run_cmd.split_unknown_args

        def watched(args, context):
            result = split(args, context)
            self.found["both"] = bool(result[2].run and result[2].batch)
            return result

        run_cmd.split_unknown_args = watched

    def display(self, job, for_remote):
        self.found["job"] = encode(OmegaConf.to_container(job, resolve=False))
        train = configs.extract_train_config(job, for_remote=for_remote)
        try:
            self.found["config"] = encode(OmegaConf.to_container(train, resolve=True))
        except Exception as error:
            self.found["config_error"] = {"kind": type(error).__name__}

    def job_dir(self, name):
        path = Path.cwd() / ".nemotron" / "jobs" / f"20260102-030405-{name.replace('/', '-')}"
        path.mkdir(parents=True, exist_ok=True)
        return path

    def backend(self, name):
        if name not in ("local", "slurm", "lepton", "dgxcloud"):
            raise typer.Exit(1)
        return type("Backend", (), {"submit": lambda self, context: None})()

    def run(self, given, place):
        home = place / "home"
        cwd = place / "cwd"
        for path in (home, cwd):
            path.mkdir(parents=True)
        fill = lambda text: text.replace("{cwd}", str(cwd))
        for name, text in given["files"].items():
            (cwd / name).write_text(fill(text))
        os.environ.clear()
        os.environ.update({"PATH": "/usr/bin:/bin", "HOME": str(home), "USER": "tester", "LANG": "C.UTF-8", "TERM": "dumb", "PWD": str(cwd), **given["env"]})
        os.chdir(cwd)
        self.found = {}
        expect = {}
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            try:
                code = self.command.main([fill(word) for word in given["argv"]], standalone_mode=False)
                expect["exit"] = code if isinstance(code, int) else 0
                if expect["exit"]:
                    expect["error"] = {"kind": "Exit"}
            except click.exceptions.Exit as error:
                expect["exit"] = error.exit_code
                if error.exit_code:
                    expect["error"] = {"kind": "Exit"}
            except click.UsageError as error:
                expect |= {"exit": 2, "error": {"kind": "UsageError"}}
            except SystemExit as error:
                expect |= {"exit": error.code, "error": {"kind": "Exit"}}
            except Exception as error:
                expect |= {"exit": 1, "error": {"kind": type(error).__name__}}
        jobs = cwd / ".nemotron" / "jobs"
        for name in ("job", "train"):
            for path in jobs.rglob(f"{name}.yaml"):
                expect[f"{name}_yaml"] = path.read_text()
        expect |= {key: value for key, value in self.found.items() if key != "both"}
        if "error" in expect and "job" not in expect:
            expect.pop("config", None)
        empty = lambda text: text.replace(str(cwd), "{cwd}").replace(STEPS, "{steps}").replace(str(home), "{home}")
        return self.found.get("both", False), json.loads(empty(json.dumps(expect, ensure_ascii=False)))


def main():
    _, _, out, *numbers = sys.argv
    count = int(numbers[0]) if numbers else 100
    seed = int(numbers[1]) if len(numbers) > 1 else 1
    out = Path(out).resolve()
    recorder = Recorder()
    lines = []
    r = random.Random(seed)
    while len(lines) < count:
        given = invent(r)
        place = Path(tempfile.mkdtemp(prefix="conformance-"))
        both, expect = recorder.run(given, place)
        os.chdir("/")
        shutil.rmtree(place)
        # Refused here on purpose, where the recorded tool lets one win.
        if not both:
            lines.append(json.dumps({"id": f"random-{seed}-{len(lines)}", "about": "random", "kind": "cli", **given, "expect": expect}, ensure_ascii=False))
    out.write_text("[\n" + ",\n".join(lines) + "\n]\n")


main()
