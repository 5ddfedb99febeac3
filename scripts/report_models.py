# SPDX-License-Identifier: Apache-2.0
"""Measures how large and how fast each published model is, with random weights in full size.

    make report-models                                           # all; half an hour
    .venv/bin/python scripts/report_models.py --models rn50-pt,siglip-b-16

Results are added to models.json in the work folder, and the table in docs/models.md is written from
all that it has. Needs up to 10 GiB of memory and of disk.
"""

import argparse
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "models.md"
BEGIN, END = "<!-- sizes: begin -->\n", "<!-- sizes: end -->\n"
PRECISIONS = ["fp32", "bf16", "int8"]
WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.npz")


def make(name, folder):
    """In a process of its own, which frees PyTorch's memory."""
    import full_size_models

    full_size_models.make(name, folder)
    (folder / "given").write_text(str(full_size_models.path(name, folder)), "utf-8")


def run(*command):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True,
                          env=os.environ | {"OSPREY_NO_CACHE": "1"})
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\nfailed: {done.stderr.strip()}")
    return done.stdout


def measure(name, options):
    folder = options.work / name
    process = multiprocessing.get_context("spawn").Process(target=make, args=(name, folder))
    process.start()
    process.join()
    if process.exitcode != 0:
        sys.exit(f"{name}: it could not be made")
    facts = {"file_bytes": sum(path.stat().st_size for kind in WEIGHTS
                               for path in folder.glob(kind))}
    engine = options.work / "model.osprey"
    for precision in PRECISIONS:
        run(options.osprey, "compile", "-m", (folder / "given").read_text("utf-8"), "-o", engine,
            "--precision", precision)
        case = json.loads(run(options.osprey, "bench", "-m", engine, "--tower", "image", "--batch",
                              "1", "--threads", options.threads, "--json"))
        facts[precision] = {"engine_bytes": engine.stat().st_size, "ms": case["ms_min"]}
    facts["measured_with"] = f"{case['threads']} threads, {case['instruction_set']}"
    engine.unlink()
    shutil.rmtree(folder)
    return facts


def table(results, names):
    yield "| model | file, MB | engine, MB: fp32 | bf16 | int8 | an image, ms: fp32 | bf16 | int8 |"
    yield "|---|" + "--:|" * 7
    for name in names:
        if facts := results.get(name):
            sizes = [facts["file_bytes"], *(facts[p]["engine_bytes"] for p in PRECISIONS)]
            cells = [f"{size / 1e6:.0f}" for size in sizes]
            cells += [f"{facts[p]['ms']:.1f}" for p in PRECISIONS]
            yield f"| {name} | " + " | ".join(cells) + " |"


def write(results, names):
    whole = DOCUMENT.read_text("utf-8")
    before, rest = whole.split(BEGIN)
    measured_with = sorted({facts["measured_with"] for facts in results.values()})
    lines = [*table(results, names), "", f"Measured with {'; '.join(measured_with)}."]
    DOCUMENT.write_text(before + BEGIN + "\n" + "\n".join(lines) + "\n\n" + END
                        + rest.split(END)[1], "utf-8")
    print(f"{DOCUMENT.relative_to(ROOT)} is written")


def main():
    sys.path.insert(0, str(ROOT / "scripts"))
    import full_size_models

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=",".join(full_size_models.NAMES),
                        help="comma-separated")
    parser.add_argument("--osprey", type=Path, default=ROOT / "build" / "osprey")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "models")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    wanted = options.models.split(",")
    if unknown := set(wanted) - set(full_size_models.NAMES):
        parser.error(f"no such model: {', '.join(sorted(unknown))}; there are "
                     f"{', '.join(full_size_models.NAMES)}")
    if not options.osprey.is_file():
        parser.error(f"{options.osprey} is missing: run make first")
    options.work.mkdir(parents=True, exist_ok=True)
    file = options.work / "models.json"
    results = json.loads(file.read_text("utf-8")) if file.exists() else {}
    for name in wanted:
        results[name] = measure(name, options)
        file.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
        print(name, {p: results[name][p]["ms"] for p in PRECISIONS}, flush=True)
    write(results, full_size_models.NAMES)


if __name__ == "__main__":
    main()
