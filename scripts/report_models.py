# SPDX-License-Identifier: Apache-2.0
"""Measures how large and how fast each published model is, with random weights in full size.

    make report-models                                           # all
    .venv/bin/python scripts/report_models.py --models rn50-pt,siglip-b-16

Results are added to models.json in the work folder, and the table in docs/models.md is written from
all that it has.
"""

import argparse
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import full_size_models
from document import chosen, cpu_model, replace, table

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "models.md"
PRECISIONS = ["fp32", "bf16", "int8"]
WEIGHTS = ("*.safetensors", "*.bin", "*.pt", "*.npz")


def run(*command):
    done = subprocess.run([*map(str, command)], capture_output=True, text=True,
                          env=os.environ | {"OSPREY_NO_CACHE": "1"})
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\nfailed: {done.stderr.strip()}")
    return done.stdout


def measure(name, options):
    folder = options.work / name
    # A process of its own frees the memory of the weights before they are timed.
    process = multiprocessing.get_context("spawn").Process(target=full_size_models.make,
                                                           args=(name, folder))
    process.start()
    process.join()
    if process.exitcode != 0:
        sys.exit(f"{name}: it could not be made")
    facts = {"file_bytes": sum(path.stat().st_size for kind in WEIGHTS
                               for path in folder.glob(kind))}
    engine = options.work / "model.osprey"
    for precision in PRECISIONS:
        run(options.osprey, "compile", "-m", full_size_models.path(name, folder), "-o", engine,
            "--precision", precision)
        case = json.loads(run(options.osprey, "bench", "-m", engine, "--tower", "image", "--batch",
                              "1", "--threads", options.threads, "--json"))
        facts[precision] = {"engine_bytes": engine.stat().st_size, "ms": case["ms_min"]}
    facts["measured_with"] = (f"{cpu_model()}, {case['instruction_set']}, "
                              f"{case['threads']} threads")
    engine.unlink()
    shutil.rmtree(folder)
    return facts


def row(name, facts, machines):
    sizes = [facts["file_bytes"], *(facts[p]["engine_bytes"] for p in PRECISIONS)]
    return [name, *(f"{size / 1e6:.0f}" for size in sizes),
            *(f"{facts[p]['ms']:.1f}" for p in PRECISIONS),
            str(1 + machines.index(facts["measured_with"]))]


def write(results):
    names = full_size_models.NAMES
    machines = sorted({facts["measured_with"] for facts in results.values()})
    rows = [row(name, results[name], machines) for name in names if name in results]
    head = ["model", "file, MB", "engine, MB: fp32", "bf16", "int8", "an image, ms: fp32", "bf16",
            "int8", "on"]
    numbered = "; ".join(f"{1 + i}: {machine}" for i, machine in enumerate(machines))
    lines = [*table(head, rows, texts=1), "", f"Measured on {numbered}."]
    if missing := [name for name in names if name not in results]:
        lines += textwrap.wrap(f"Not measured: {', '.join(missing)}.", 100, break_on_hyphens=False)
    replace(DOCUMENT, "sizes", lines)
    print(f"{DOCUMENT.relative_to(ROOT)} is written")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=",".join(full_size_models.NAMES),
                        help="comma-separated")
    parser.add_argument("--osprey", type=Path, default=ROOT / "build" / "osprey")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "models")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    wanted = chosen(parser, options.models, full_size_models.NAMES)
    if not options.osprey.is_file():
        parser.error(f"{options.osprey} is missing: run make first")
    options.work.mkdir(parents=True, exist_ok=True)
    file = options.work / "models.json"
    results = json.loads(file.read_text("utf-8")) if file.exists() else {}
    for name in wanted:
        results[name] = measure(name, options)
        file.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
        print(name, {p: results[name][p]["ms"] for p in PRECISIONS}, flush=True)
    write(results)


if __name__ == "__main__":
    main()
