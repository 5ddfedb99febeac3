# SPDX-License-Identifier: Apache-2.0
"""What every program that is timed does, osprey_peer.c too: one protocol, JSON lines.

    <name>_peer.py JOB            serves requests until standard input ends
    <name>_peer.py JOB --prepare  converts the model once, into the job's folder, and ends

JOB is an object:

    {"folder": "build/peers/vit-b-32", "tower": "image", "precision": "int8", "threads": 2,
     "image_size": 224}

The tower is image or text, or photos, which is the image tower from JPEG files on.

The folder has weights/ (the model as published), pixels.f32 (photographs, preprocessed), and the
tokens of texts. Before the first request comes {"version": ...}. A request says what to run, how
often before it counts, and then for how long and how often at least:

    {"batch": 8, "warm_ups": 1, "seconds": 2.0, "min_runs": 3}
    {"templates": 80, "warm_ups": 0, "seconds": 0, "min_runs": 1}

The first is a batch of images, or of texts in the text tower; the second a label set. The answer:

    {"ms_min": ..., "ms_median": ..., "runs": ..., "scale": ..., "embedding": [...],
     "peak_rss_bytes": ...}

`scale` is the whole work by that which was done: osprey embeds whole label sets, the others a
sample. `embedding` is that of the first item, so that nobody is quick by leaving work out.
"""

import contextlib
import json
import math
import resource
import shutil
import statistics
import sys
import time
from pathlib import Path

import numpy as np

LABELS = 1000
TEXT_BATCH = 16


def peak_rss_bytes():
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


@contextlib.contextmanager
def new_folder(folder):
    """For what a conversion writes. It has its name once it is whole: a run may be killed."""
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    yield partial
    partial.rename(folder)


class Inputs:
    """The arrays of a request: what goes in, cut into batches of one shape."""

    def __init__(self, job):
        self.folder = Path(job["folder"])
        self.tower = job["tower"]
        self.image_size = job["image_size"]

    def batches(self, request):
        if "templates" in request:
            tokens = np.load(self.folder / f"tokens-{request['templates']}.npy")
            return np.split(tokens, len(tokens) // TEXT_BATCH)
        if self.tower == "photos":
            return [np.array(self.photos(), dtype=object)]
        if self.tower == "text":
            return [np.load(self.folder / "tokens-1.npy")[: request["batch"]]]
        return [self.pixels(request["batch"])]

    def photos(self):
        return [path.read_bytes() for path in sorted((self.folder / "photos").iterdir())]

    def pixels(self, count):
        shape = (count, 3, self.image_size, self.image_size)
        pixels = np.fromfile(self.folder / "pixels.f32", np.float32, count=math.prod(shape))
        return pixels.reshape(shape)


def measure(run, request):
    """The timings, and what the last run gave."""
    for _ in range(request["warm_ups"]):
        run()
    times_ms = []
    end = time.perf_counter() + request["seconds"]
    while len(times_ms) < request["min_runs"] or time.perf_counter() < end:
        start = time.perf_counter()
        result = run()
        times_ms.append(1e3 * (time.perf_counter() - start))
    return {"ms_min": min(times_ms), "ms_median": statistics.median(times_ms),
            "runs": len(times_ms)}, result


def answer(job, embedder, request):
    batches = Inputs(job).batches(request)
    embed = embedder(batches[0].shape)
    timings, results = measure(lambda: [np.array(embed(batch)) for batch in batches], request)
    rows = np.concatenate(results).astype(np.float64)
    templates = request.get("templates", 1)
    return timings | {
        "scale": LABELS * templates / len(rows) if "templates" in request else 1,
        "embedding": unit(unit(rows[:templates]).mean(axis=0)).tolist(),
        "peak_rss_bytes": peak_rss_bytes(),
    }


def main(version, prepare, load):
    """prepare(job) writes the files that load(job) needs. load gives a function that takes the
    inputs' shape and gives one from such inputs to their embeddings, a NumPy array."""
    job = json.loads(sys.argv[1])
    if "--prepare" in sys.argv[2:]:
        prepare(job)
        return
    print(json.dumps({"version": version}), flush=True)
    embedder = load(job)
    for line in sys.stdin:
        print(json.dumps(answer(job, embedder, json.loads(line))), flush=True)
