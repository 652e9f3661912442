"""Conversions on a GPU against the CPU of the same machine, memory to memory: equal bytes, and how long each takes.

    python3 bench/gpu.py NEMOTRON... [--directory /dev/shm] [--gigabytes 8]

NEMOTRON is the command, say `node packages/cli/bin/nemotron.js`. Every fixture is converted on both and compared; then
synthetic models, f32 to bf16, bf16 as it is, and float8 with block scales, three times each in turns; medians.
"""

import argparse, filecmp, json, os, shutil, statistics, struct, subprocess, sys, time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("command", nargs="+")
parser.add_argument("--directory", default="/dev/shm")
parser.add_argument("--gigabytes", type=float, default=8)
arguments = parser.parse_args()
work = Path(arguments.directory) / "nemotron-gpu-bench"
shutil.rmtree(work, ignore_errors=True)
work.mkdir(parents=True)


def convert(source, target, device, *words, required=True):
    shutil.rmtree(target, ignore_errors=True)
    call = [*arguments.command, "steps", "run", "convert/hf_to_megatron", f"hf_model_id={source}",
            f"megatron_path={target}", f"device_map={device}", "--json", *words]
    began = time.perf_counter()
    done = subprocess.run(call, capture_output=True, text=True)
    if done.returncode == 3 and not required:
        return None
    if done.returncode != 0:
        sys.exit(f"{source} on {device}: {done.stderr}")
    return time.perf_counter() - began, json.loads(done.stdout)


def equal(one, other):
    files = sorted(path.relative_to(one) for path in one.rglob("*.distcp"))
    return bool(files) and all(filecmp.cmp(one / name, other / name, shallow=False) for name in files)


fixtures = sorted(Path("test/fixtures").iterdir())
compared, different = 0, []
for fixture in fixtures:
    if not (fixture / "config.json").exists():
        continue
    for dtype in ("bfloat16", "float32"):
        # Some fixtures are there to be refused, or are bases of merges.
        if convert(fixture, work / "cpu", "cpu", f"dtype={dtype}", required=False) is None:
            continue
        compared += 1
        _, report = convert(fixture, work / "gpu", "cuda:0", f"dtype={dtype}")
        if not equal(work / "cpu", work / "gpu"):
            different.append(f"{fixture.name} {dtype}")
print(f"{compared} conversions of fixtures on {report['compute']}: {len(different)} differ {different}", flush=True)


def synthesise(name, dtype, config, layers):
    """A Llama of equal layers; float8 weights get block scales."""
    directory = work / name
    directory.mkdir()
    hidden, inner = 4096, 14336
    size = {"F32": 4, "BF16": 2, "F8_E4M3": 1}[dtype]
    plain = "BF16" if dtype == "F8_E4M3" else dtype
    shapes = {"model.embed_tokens.weight": (32000, hidden), "lm_head.weight": (32000, hidden), "model.norm.weight": (hidden,)}
    for layer in range(layers):
        at = f"model.layers.{layer}."
        shapes |= {at + "input_layernorm.weight": (hidden,), at + "post_attention_layernorm.weight": (hidden,)}
        for part, rows, columns in (("self_attn.q_proj", hidden, hidden), ("self_attn.k_proj", 1024, hidden),
                                    ("self_attn.v_proj", 1024, hidden), ("self_attn.o_proj", hidden, hidden),
                                    ("mlp.gate_proj", inner, hidden), ("mlp.up_proj", inner, hidden),
                                    ("mlp.down_proj", hidden, inner)):
            shapes[f"{at}{part}.weight"] = (rows, columns)
    header, position = {}, 0

    def add(key, kind, shape):
        nonlocal position
        count = 1
        for extent in shape:
            count *= extent
        length = count * {"F32": 4, "BF16": 2, "F8_E4M3": 1}[kind]
        header[key] = {"dtype": kind, "shape": shape, "data_offsets": [position, position + length]}
        position += length

    for key, shape in shapes.items():
        quantized = dtype == "F8_E4M3" and "_proj" in key
        add(key, dtype if quantized else plain, shape)
        if quantized:
            add(key + "_scale_inv", "F32", ((shape[0] + 127) // 128, (shape[1] + 127) // 128))
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    block = os.urandom(1 << 24)
    with open(directory / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        left = position
        while left:
            left -= file.write(block[:left])
    (directory / "config.json").write_text(json.dumps(config))
    (directory / "tokenizer.json").write_text("{}")
    return directory, position


base = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336,
        "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 32000, "rms_norm_eps": 1e-5,
        "tie_word_embeddings": False, "max_position_embeddings": 8192}
layer_elements = 2 * 4096 * 4096 + 2 * 1024 * 4096 + 3 * 4096 * 14336
print("| source | target GB | CPU s | GPU s | GPU against CPU |\n|---|---|---|---|---|")
for name, dtype, size, extra in (("bf16", "BF16", 2, {}), ("f32", "F32", 4, {}),
                                 ("fp8", "F8_E4M3", 1, {"quantization_config": {"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [128, 128]}})):
    layers = max(1, int(arguments.gigabytes * 1e9 / size / layer_elements))
    source, _ = synthesise(name, dtype, {**base, **extra, "num_hidden_layers": layers}, layers)
    times = {"cpu": [], "cuda:0": []}
    for _ in range(3):
        for device in times:
            seconds, report = convert(source, work / device.replace(":", ""), device, "verify=none")
            times[device].append(seconds)
    if not equal(work / "cpu", work / "cuda0"):
        sys.exit(f"{name}: the bytes differ")
    cpu, gpu = (statistics.median(times[device]) for device in times)
    print(f"| {name} | {report['bytesWritten'] / 1e9:.1f} | {cpu:.2f} | {gpu:.2f} | {gpu / cpu:.2f} |", flush=True)
    shutil.rmtree(source)
shutil.rmtree(work)
