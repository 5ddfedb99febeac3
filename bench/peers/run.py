# SPDX-License-Identifier: Apache-2.0
"""Times osprey beside PyTorch, ONNX Runtime and OpenVINO: same weights, same threads, in turn.

    make bench-peers                                    all cases, hours
    make bench-peers ARGS=--quick                       ViT-B/32 and B/16, batch 1 and 8
    make bench-peers ARGS="--cases 'vit-b-32/image/*/int8' --rounds 5"

A case is MODEL/TOWER/BATCH/PRECISION; a batch of 1000x80 is 1,000 labels in 80 templates. Its
programs run in turn, round after round. build/peers/results.json grows with each case; --resume
goes on where a run has ended. Weights are random, exported models and engines are kept under
build/peers.
"""

import argparse
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import cases
import machine
import program
import table

ROOT = Path(__file__).resolve().parents[2]
FREE_BYTES = 30 * 2**30  # with less of the disk left, a model's files go once it is measured


def note(text):
    """What is being done, on one line of a terminal."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def warn(text):
    note("")
    print(text, file=sys.stderr)


class Results:
    """build/peers/results.json, written anew after each case."""

    def __init__(self, path, settings, resume):
        self.path = path
        self.data = {"settings": settings, "machine": machine.describe(), "programs": {},
                     "cases": {}}
        if resume and path.exists():
            self.data = json.loads(path.read_text())
            if self.data["settings"] != settings:
                sys.exit(f"{path} was measured with {self.data['settings']}: --resume needs the "
                         "same")

    def add(self, case, programs, outcome):
        self.data["programs"] |= {p.name: p.version for p in programs}
        self.data["cases"][case.name] = outcome
        partial = self.path.with_suffix(".tmp")
        partial.write_text(json.dumps(self.data, indent=1) + "\n", "utf-8")
        partial.replace(self.path)


def summarise(rounds):
    scale = rounds[0]["scale"]
    return {"ms_min": scale * min(r["ms_min"] for r in rounds),
            "ms_median": scale * statistics.median(r["ms_median"] for r in rounds),
            "ms_minima": [scale * r["ms_min"] for r in rounds],
            "runs": sum(r["runs"] for r in rounds),
            "peak_rss_bytes": max(r["peak_rss_bytes"] for r in rounds)}


def cosine(left, right):
    return sum(a * b for a, b in zip(left, right))  # both are of unit length


def measure(case, programs, options, reference):
    """All rounds of a case."""
    seen = {p.name: [] for p in programs}
    load = machine.OtherLoad(programs)
    for number in range(options.rounds):
        # Each begins a round once: nobody always comes behind the same neighbour.
        for p in programs[number % len(programs):] + programs[:number % len(programs)]:
            note(f"{case.name}: round {number + 1} of {options.rounds}, {p.name}")
            seen[p.name].append(p.ask(case.request(options.seconds)))
    outcome = {"other_load": load.share(), "programs": {}}
    for name, rounds in seen.items():
        outcome["programs"][name] = summarise(rounds) | {
            "cosine": cosine(rounds[0]["embedding"], reference)}
    note("")
    return outcome


class Bench:
    def __init__(self, options, results):
        self.options = options
        self.results = results
        self.references = {}

    def make_model(self, name):
        folder = self.options.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        note(f"{name}: making the model")
        # A process of its own: PyTorch's memory is not to be here.
        program.run_quietly([sys.executable, program.HERE / "inputs.py", name, folder,
                             self.options.photos], folder / "logs" / "inputs.log")
        return program.Factory(folder, self.options.osprey, self.options.threads)

    def reference(self, factory, case):
        """PyTorch's embedding in fp32, that the others' are compared with."""
        key = (case.model, case.tower, case.templates)
        if key not in self.references:
            pytorch = factory.start("pytorch", case.tower, "fp32")
            answer = pytorch.ask(case.request(0) | {"warm_ups": 0, "min_runs": 1})
            pytorch.close()
            self.references[key] = answer["embedding"]
        return self.references[key]

    def run_group(self, factory, group):
        """Cases of one model, tower and precision share their processes."""
        first, programs = group[0], []
        try:
            for name in first.programs():
                note(f"{first.model}, {first.tower}, {first.precision}: preparing {name}")
                try:
                    factory.prepare(name, first.tower, first.precision)
                    programs.append(factory.start(name, first.tower, first.precision))
                except program.PeerError as error:
                    warn(f"{first.name} goes without {name}: {error}")
            for case in group:
                outcome = measure(case, programs, self.options, self.reference(factory, case))
                self.results.add(case, programs, outcome)
                table.print_case(case.name, outcome)
        finally:
            for p in programs:
                p.close()

    def run_model(self, name, wanted):
        factory = self.make_model(name)
        for _, group in itertools.groupby(wanted, lambda c: (c.tower, c.precision)):
            try:
                self.run_group(factory, list(group))
            except program.PeerError as error:
                warn(f"{name}: {error}")
        if shutil.disk_usage(self.options.folder).free < FREE_BYTES:
            factory.remove()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--osprey", type=Path, default=ROOT / "build" / "osprey",
                        help="with osprey_peer beside it")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "peers",
                        help="for models, engines and results")
    parser.add_argument("--photos", type=Path, default=ROOT / "examples" / "photos",
                        help="JPEGs to calibrate with: a directory, or a tar")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=None,
                        help="for a program in a round (2; quick: 0.5)")
    parser.add_argument("--cases", default="*", help="a pattern that case names have to fit")
    parser.add_argument("--quick", action="store_true", help="a few minutes' choice of cases")
    parser.add_argument("--resume", action="store_true", help="leave out what results.json has")
    options = parser.parse_args()
    for name in ("osprey", "folder", "photos"):
        setattr(options, name, getattr(options, name).resolve())
    if not options.osprey.is_file() or not options.osprey.with_name("osprey_peer").is_file():
        parser.error(f"{options.osprey}, or osprey_peer beside it, is missing: make bench-peers "
                     "builds both")
    if options.seconds is None:
        options.seconds = 0.5 if options.quick else 2.0
    wanted = cases.chosen(options.cases, options.quick)
    if not wanted:
        parser.error(f"no case fits {options.cases}; there are:\n"
                     + "\n".join(case.name for case in cases.every_case()))

    options.folder.mkdir(parents=True, exist_ok=True)
    settings = {"threads": options.threads, "rounds": options.rounds, "seconds": options.seconds}
    results = Results(options.folder / "results.json", settings, options.resume)
    wanted = [case for case in wanted if case.name not in results.data["cases"]]
    bench = Bench(options, results)
    table.print_head()
    for name, group in itertools.groupby(wanted, lambda c: c.model):
        bench.run_model(name, list(group))


if __name__ == "__main__":
    main()
