# SPDX-License-Identifier: Apache-2.0
"""Measures what each precision costs and gives, and writes the tables of docs/compile.md.

    scripts/venv.sh && .venv/bin/python scripts/report_precision.py

Without arguments all of it: `losses` (sizes, embeddings on real photographs beside those in fp32,
top-1 of the bundled model, peak memory), `timings` (osprey bench; wants a quiet machine) and
`tables`. Results gather in build/precision/report.json, so that a stage, a model or a precision can
be measured anew by itself. Full-size models have random weights; their engines are deleted when
they have been timed, and the models too unless --keep is given.
"""

import argparse
import json
import math
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np

from document import chosen, cpu_model, megabytes, replace, table

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "compile.md"
PLOT = ROOT / "docs" / "precision.svg"
BUNDLED = "osprey-mini"
FULL_SIZE = ["vit-b-32", "vit-b-16", "vit-l-14", "vit-h-14"]
TITLES = {"vit-b-32": "ViT-B/32", "vit-b-16": "ViT-B/16", "vit-l-14": "ViT-L/14",
          "vit-h-14": "ViT-H/14", BUNDLED: BUNDLED}
PRECISIONS = ["fp32", "bf16", "fp16", "int8", "int4"]
STAGES = ["losses", "timings", "tables"]
PHOTOS = 20  # of photos100.tar, beside those in examples/photos
TEXTS = ["a photo of a cat.", "a photo of a dog.", "a red car on a wet road", "two people, laughing",
         "espresso", "a diagram of a machine", "the night sky over a city", "a bowl of ripe fruit",
         "an old map of the world", "a child's drawing of a house", "snow", "a close-up of a frog",
         "a crowded market, seen from above", "a bicycle leaning on a wall", "an empty room",
         "a satellite photo of a river that runs into the sea"]

# A small process between: a child's peak begins with what its parent has in memory.
LAUNCHER = ("import resource, subprocess, sys; "
            "code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL); "
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)")


class Measuring:
    def __init__(self, options):
        self.binary = options.osprey.resolve()
        self.work = options.work.resolve()
        self.data = options.data.resolve()
        self.threads = str(options.threads)
        self.file = self.work / "report.json"
        self.report = json.loads(self.file.read_text()) if self.file.exists() else {}
        self.work.mkdir(parents=True, exist_ok=True)

    def note(self, model, precision, **facts):
        self.report.setdefault(model, {}).setdefault(precision, {}).update(facts)
        self.file.write_text(json.dumps(self.report, indent=1) + "\n", "utf-8")

    def osprey(self, *arguments, stdin=None):
        done = subprocess.run([self.binary, *map(str, arguments)], input=stdin, text=True,
                              capture_output=True)
        if done.returncode != 0:
            sys.exit(f"osprey {arguments[0]} failed with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def engine(self, model, precision, tower):
        return self.work / f"{model}-{tower}-{precision}.osprey"

    def compile(self, model, precision, tower):
        """The engine of one tower, made at the first call; for the bundled model, of both."""
        path = self.engine(model, precision, tower)
        if not path.exists():
            print(f"{model}: {tower} tower in {precision}", flush=True)
            self.osprey("compile", "-m", self.source(model), "-o", path, "--tower", tower,
                        "--precision", precision)
        return path

    def source(self, model):
        if model == BUNDLED:
            return ROOT / "models" / BUNDLED
        folder = self.work / "models" / model
        # A process of its own: PyTorch's memory is not to be here.
        subprocess.run([sys.executable, "-c", "import sys, pathlib, full_size_models as models; "
                        "models.make(sys.argv[1], pathlib.Path(sys.argv[2]))", model, folder],
                       check=True, cwd=ROOT / "scripts")
        return folder

    def unpack(self, name):
        """The folder with what is in a tar file of the data."""
        archive, folder = self.data / f"{name}.tar", self.work / name
        if not archive.is_file():
            sys.exit(f"{archive} is missing: it holds real photographs, without which nothing can "
                     "be said of losses; name the folder that has it with --data")
        if not folder.is_dir():
            with tarfile.open(archive) as files:
                files.extractall(folder, filter="data")
        return folder

    def photos(self):
        ours = sorted((ROOT / "examples" / "photos").glob("*.jpg"))
        others = sorted(self.unpack("photos100").rglob("*.jp*g"))
        return ours + others[::len(others) // PHOTOS][:PHOTOS]

    def embed(self, engine, *arguments, stdin=None):
        output = self.work / "embeddings.npy"
        self.osprey("embed", "-m", engine, "--format", "npy", "-o", output, "--threads",
                    self.threads, *arguments, stdin=stdin)
        return np.load(output).astype(np.float64)

    def peak_bytes(self, engine):
        done = subprocess.run(
            [sys.executable, "-S", "-c", LAUNCHER, self.binary, "embed", "-m", engine, "--threads",
             self.threads, ROOT / "examples" / "photos" / "cat.jpg"],
            check=True, capture_output=True, text=True)
        return int(done.stdout) * 1024

    def top_1(self, engine):
        names = {}
        classes = self.data / "tiny-imagenet-classes.tsv"
        folder = self.unpack("tiny-imagenet-val")
        for line in classes.read_text("utf-8").splitlines():
            key, synonyms = line.split("\t")
            names[key] = synonyms.split(",")[0].strip()
        labels = self.work / "labels.txt"
        labels.write_text("\n".join(names.values()) + "\n", "utf-8")
        pictures = sorted(folder.glob("n*/*.JPEG"))
        answers = self.osprey("classify", "-m", engine, "--labels", f"@{labels}", "--templates",
                              "none", "--top", "1", "--json", "--threads", self.threads, "-",
                              stdin="\n".join(map(str, pictures)) + "\n").splitlines()
        right = sum(json.loads(answer)["results"][0]["label"] == names[picture.parent.name]
                    for picture, answer in zip(pictures, answers, strict=True))
        return right / len(pictures)

    def losses_of(self, model, precision):
        """Least cosine of images and of texts beside fp32, size and peak memory."""
        engine = self.compile(model, precision, "image")
        images = self.embed(engine, "-", stdin="\n".join(map(str, self.photos())) + "\n")
        facts = {"engine_bytes": engine.stat().st_size, "peak_bytes": self.peak_bytes(engine)}
        text_engine = self.compile(model, precision, "text")
        texts = self.work / "texts.txt"
        texts.write_text("\n".join(TEXTS) + "\n", "utf-8")
        for what, rows in ("image", images), ("text", self.embed(text_engine, "--texts",
                                                                 f"@{texts}")):
            reference = self.work / f"{model}-{what}-fp32.npy"
            if precision == "fp32":
                np.save(reference, rows)
            if not reference.exists():
                sys.exit(f"{model}: measure fp32 first, which the others are compared with")
            facts[f"{what}_cosine"] = (rows * np.load(reference)).sum(axis=1).min()
        text_engine.unlink()
        if model == BUNDLED:
            both = self.compile(model, precision, "both")
            facts |= {"engine_bytes": both.stat().st_size, "top_1": self.top_1(both)}
        self.note(model, precision, **facts)

    def time(self, model, precision):
        batches = "1,8" if model == BUNDLED else "1"
        engine = self.compile(model, precision, "image")
        for line in self.osprey("bench", "-m", engine, "--tower", "image", "--batch", batches,
                                "--json", "--threads", self.threads).splitlines():
            case = json.loads(line)
            self.note(model, precision,
                      **{f"ms_{case['batch']}": case["ms_min"] / case["batch"]})
            self.report["instruction_set"] = case["instruction_set"]

    def clean(self, model, keep):
        for precision in PRECISIONS:
            for tower in "image", "text", "both":
                self.engine(model, precision, tower).unlink(missing_ok=True)
        if not keep and model != BUNDLED:
            shutil.rmtree(self.work / "models" / model, ignore_errors=True)


def cosines(facts):
    return [f"{facts[f'{what}_cosine']:.5f}" for what in ("image", "text")]


def milliseconds(facts, batch):
    """Nothing where it has not been timed."""
    ms = facts.get(f"ms_{batch}")
    return "" if ms is None else f"{ms:.{2 if ms < 10 else 1 if ms < 100 else 0}f}"


def bundled_table(report):
    rows = []
    for precision, facts in report[BUNDLED].items():
        loss = report[BUNDLED]["fp32"]["top_1"] - facts["top_1"]
        rows.append([BUNDLED, precision, megabytes(facts["engine_bytes"]),
                     f"{facts['top_1']:.2%}".replace(DOCUMENT, "%", " %"), f"{100 * loss:.2f}",
                     *cosines(facts), megabytes(facts["peak_bytes"]), milliseconds(facts, 1),
                     milliseconds(facts, 8)])
    return table(["model", "precision", "engine, MB", "top-1", "points lost", "least cosine, images",
                  "texts", "peak memory, MB", "least ms an image", "in batches of 8"], rows)


def full_size_table(report):
    rows = [[TITLES[model], precision, megabytes(facts["engine_bytes"]), *cosines(facts),
             megabytes(facts["peak_bytes"]), milliseconds(facts, 1)]
            for model in FULL_SIZE if model in report for precision, facts in report[model].items()]
    return table(["model", "precision", "image engine, MB", "least cosine, images", "texts",
                  "peak memory, MB", "least ms an image"], rows)


COLOURS = ["#0b6e99", "#c1440e", "#4d7c0f", "#7c3aed", "#525252"]
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 400, 70, 20, 48, 50
LEAST_LOSS, MOST_LOSS = 1e-6, 1.0
LEAST_MB, MOST_MB = 30, 3000
SUPERSCRIPTS = ["1", "10⁻¹", "10⁻²", "10⁻³", "10⁻⁴", "10⁻⁵", "≤ 10⁻⁶"]


def plot(report):
    """Size of the image engine against 1 - least cosine of images, a line a model."""
    def x(size):
        share = math.log(size / 1e6 / LEAST_MB) / math.log(MOST_MB / LEAST_MB)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(loss):
        decades = math.log10(MOST_LOSS / LEAST_LOSS)
        return TOP + math.log10(MOST_LOSS / max(loss, LEAST_LOSS)) / decades * (
            HEIGHT - TOP - BOTTOM)

    def text(at_x, at_y, words, anchor="middle", more=""):
        return (f'<text x="{at_x:.0f}" y="{at_y:.0f}" text-anchor="{anchor}" {more}>{words}'
                '</text>')

    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
             'font-family="sans-serif" font-size="12" fill="#222">',
             '<rect width="100%" height="100%" fill="#fff"/>',
             text(LEFT, 20, "Loss of each precision against its size", "start",
                  'font-size="15" font-weight="bold"')]
    for size in 30, 100, 300, 1000, 3000:
        at = x(size * 1e6)
        lines += [f'<path d="M{at:.0f} {TOP}V{HEIGHT - BOTTOM}" stroke="#e5e5e5"/>',
                  text(at, HEIGHT - BOTTOM + 18, size)]
    for decade, label in enumerate(SUPERSCRIPTS):
        at = y(10.0 ** -decade)
        lines += [f'<path d="M{LEFT} {at:.0f}H{WIDTH - RIGHT}" stroke="#e5e5e5"/>',
                  text(LEFT - 8, at + 4, label, "end")]
    lines += [text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10,
                   "image engine, MB"),
              text(0, 0, "1 - least cosine to fp32", "middle",
                   f'transform="translate(16 {(TOP + HEIGHT - BOTTOM) / 2:.0f}) rotate(-90)"')]
    models = [model for model in FULL_SIZE if model in report]
    for number, model in enumerate(models):
        colour, facts = COLOURS[number], report[model]
        points = [(x(facts[p]["engine_bytes"]), y(1 - facts[p]["image_cosine"]), p)
                  for p in PRECISIONS[1:] if p in facts]
        by_loss = sorted(points, key=lambda point: point[1])
        path = "L".join(f"{at_x:.1f} {at_y:.1f}" for at_x, at_y, _ in by_loss)
        lines.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-opacity=".5"/>')
        lines += [f'<circle cx="{at_x:.1f}" cy="{at_y:.1f}" r="4" fill="{colour}"/>'
                  for at_x, at_y, _ in points]
        at = LEFT + 320 + number % 2 * 120, TOP + 16 + number // 2 * 18
        lines += [f'<circle cx="{at[0]}" cy="{at[1] - 4}" r="4" fill="{colour}"/>',
                  text(at[0] + 10, at[1], TITLES[model], "start")]
        if number == 0:
            lines += [text(at_x + 10, at_y - 10, p, "start") for at_x, at_y, p in points]
    return "\n".join([*lines, "</svg>"]) + "\n"


def write(measuring):
    report = measuring.report
    version = measuring.osprey("--version").strip()
    replace(DOCUMENT, "bundled", [*bundled_table(report)])
    replace(DOCUMENT, "full-size", [*full_size_table(report)])
    replace(DOCUMENT, "machine", [f"Measured with {version} on {cpu_model()} "
                        f"({report.get('instruction_set', 'not timed')}), {measuring.threads} threads."])
    PLOT.write_text(plot(report), "utf-8")
    print(f"{DOCUMENT.relative_to(ROOT)} and {PLOT.relative_to(ROOT)} are written")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stages", nargs="*", metavar="STAGE",
                        help=f"of {', '.join(STAGES)} (default: all)")
    parser.add_argument("--models", default=",".join([BUNDLED, *FULL_SIZE]), help="comma-separated")
    parser.add_argument("--precisions", default=",".join(PRECISIONS), help="comma-separated")
    parser.add_argument("--osprey", type=Path, default=ROOT / "build" / "osprey")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "precision")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data",
                        help="where photos100.tar and tiny-imagenet-val.tar are")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--keep", action="store_true", help="leave the full-size models")
    options = parser.parse_args()
    stages = chosen(parser, ",".join(options.stages or STAGES), STAGES)
    models = chosen(parser, options.models, [BUNDLED, *FULL_SIZE])
    precisions = chosen(parser, options.precisions, PRECISIONS)
    if not options.osprey.is_file():
        parser.error(f"{options.osprey} is missing: run make first")
    measuring = Measuring(options)
    for model in models:
        for precision in precisions:
            if "losses" in stages:
                measuring.losses_of(model, precision)
            if "timings" in stages:
                measuring.time(model, precision)
        if "timings" in stages and precisions[-1] == PRECISIONS[-1]:
            measuring.clean(model, options.keep)
    if "tables" in stages:
        write(measuring)


if __name__ == "__main__":
    main()
