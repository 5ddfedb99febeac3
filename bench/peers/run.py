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
import contextlib
import itertools
import json
import shutil
import subprocess
import sys
from pathlib import Path

import cases
import goals
import machine
import measuring
import program
import report
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
        self.data = {"settings": settings, "machine": machine.describe(), "versions": {},
                     "cases": {}}
        if resume and path.exists():
            self.data = json.loads(path.read_text())
            if self.data["settings"] != settings:
                sys.exit(f"{path} was measured with {self.data['settings']}: --resume needs the "
                         "same")

    @property
    def versions(self):
        return self.data["versions"]

    def add(self, case, outcome):
        self.data["cases"][case.name] = outcome
        partial = self.path.with_suffix(".tmp")
        partial.write_text(json.dumps(self.data, indent=1) + "\n", "utf-8")
        partial.replace(self.path)


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
        tower = "text" if case.tower == "text" else "image"
        key = (case.model, tower, case.templates)
        if key not in self.references:
            with factory.start("pytorch", tower, "fp32") as pytorch:
                answer = pytorch.ask(case.request(0, warm_ups=0) | {"batch": 1})
            self.references[key] = answer["embedding"]
        return self.references[key]

    def prepared(self, factory, case):
        """The names of the case's programs whose files could be made."""
        tower = "text" if case.tower == "text" else "image"
        for name in case.programs():
            note(f"{case.name}: preparing {name}")
            try:
                factory.prepare(name, tower, case.precision)
                yield name
            except program.PeerError as error:
                warn(f"{case.name} goes without {name}: {error}")

    def run_towers(self, factory, group, names):
        """The processes serve all cases of the group."""
        with contextlib.ExitStack() as stack:
            programs = [stack.enter_context(factory.start(name, group[0].tower, group[0].precision))
                        for name in names]
            self.results.versions.update({p.name: p.version for p in programs})
            for case in group:
                reference = self.reference(factory, case)
                self.keep(case, measuring.towers(case, programs, self.options, reference, note))

    def run_group(self, factory, group):
        """Cases of one model, tower and precision."""
        names = list(self.prepared(factory, group[0]))
        if group[0].tower in ("image", "text"):
            self.run_towers(factory, group, names)
            return
        for case in group:
            reference = self.reference(factory, case)
            if case.tower == "cold":
                self.keep(case, measuring.cold_start(case, factory, names, self.options, reference,
                                                     note))
            else:
                self.keep(case, measuring.photos(case, factory, self.options, reference, note))

    def keep(self, case, outcome):
        self.results.add(case, outcome)
        note("")
        table.print_case(case.name, outcome)

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
    settings = {"threads": options.threads, "rounds": options.rounds, "seconds": options.seconds,
                "quick": options.quick}
    results = Results(options.folder / "results.json", settings, options.resume)
    wanted = [case for case in wanted if case.name not in results.data["cases"]]
    bench = Bench(options, results)
    table.print_head()
    for name, group in itertools.groupby(wanted, lambda c: c.model):
        bench.run_model(name, list(group))
    goals.print_all(results.data["cases"])
    plotted = list(report.write_plots(results.data["cases"], options.folder))
    print(f"\n{results.path}; beside it {', '.join(plotted) or 'no plots'}")


if __name__ == "__main__":
    main()
