# SPDX-License-Identifier: Apache-2.0
"""What every peer's process does: load once, then answer each request line with timings.

A peer is a program `peer_<name>.py MODEL_DIR THREADS` that calls serve(). It reads one JSON object
a line from standard input and answers each with one:

    {"tower": "image", "batch": 8, "seconds": 2.0}  ->  {"ms_min": ..., "ms_median": ...,
                                                         "runs": ..., "peak_rss_bytes": ...}

Before the first it says {"version": ...}. bench_peers.py asks the peers in turn, so that a slow
minute of the machine hits all of them.
"""

import json
import resource
import statistics
import sys
import time

# The same as cli/command_bench.c has.
PROMPTS = ["a photo of a dog.", "a photo of a red car.", "a photo of a coffee cup.",
           "a photo of a sailing boat.", "a photo of a tree.", "a photo of a house.",
           "a photo of a goldfish.", "a photo of a bicycle."]
MIN_RUNS = 5


def prompts(count):
    return [PROMPTS[i % len(PROMPTS)] for i in range(count)]


def measure(run, seconds):
    run()
    run()
    times_ms = []
    end = time.perf_counter() + seconds
    while len(times_ms) < MIN_RUNS or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times_ms.append(1e3 * (time.perf_counter() - start))
    return {"ms_min": min(times_ms), "ms_median": statistics.median(times_ms),
            "runs": len(times_ms),
            "peak_rss_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}


def serve(version, prepare):
    """prepare(tower, batch) gives a function that does one run."""
    print(json.dumps({"version": version}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        run = prepare(request["tower"], request["batch"])
        print(json.dumps(measure(run, request["seconds"])), flush=True)
