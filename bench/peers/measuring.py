# SPDX-License-Identifier: Apache-2.0
"""The rounds of one case: towers in processes that stay, cold starts, JPEG files to embeddings."""

import os
import statistics
import subprocess
import time

import machine
import program

ONE_RUN = {"batch": 1, "warm_ups": 0, "seconds": 0, "min_runs": 1}
MODEL_BATCH = 8


def in_turn(items, number):
    """Each begins a round once: nobody always comes behind the same neighbour."""
    first = number % len(items)
    return items[first:] + items[:first]


def cosine(left, right):
    return sum(a * b for a, b in zip(left, right))  # both are of unit length


def summarise(rounds, reference):
    """Of one program. A round that has no embedding did not run the model."""
    scale = rounds[0].get("scale", 1)
    summary = {"ms_min": scale * min(r["ms_min"] for r in rounds),
               "ms_median": scale * statistics.median(r["ms_median"] for r in rounds),
               "ms_minima": [scale * r["ms_min"] for r in rounds],
               "runs": sum(r["runs"] for r in rounds),
               "peak_rss_bytes": max(r["peak_rss_bytes"] for r in rounds)}
    if "embedding" in rounds[0]:
        summary["cosine"] = cosine(rounds[0]["embedding"], reference)
    return summary


def outcome(seen, load, reference):
    return {"other_load": load.share(),
            "programs": {name: summarise(rounds, reference) for name, rounds in seen.items()}}


def towers(case, programs, options, reference, note):
    seen = {p.name: [] for p in programs}
    load = machine.OtherLoad(programs)
    for number in range(options.rounds):
        for p in in_turn(programs, number):
            note(f"{case.name}: round {number + 1} of {options.rounds}, {p.name}")
            request = case.request(options.seconds, warm_ups=1 if number == 0 else 0)
            seen[p.name].append(p.ask(request))
    return outcome(seen, load, reference)


def cold_start(case, factory, names, options, reference, note):
    """From starting the process to its first embedding, files in the system's cache."""
    seen = {name: [] for name in names}
    load = machine.OtherLoad([])
    for number in range(options.rounds):
        for name in in_turn(names, number):
            note(f"{case.name}: round {number + 1} of {options.rounds}, {name}")
            start = time.perf_counter()
            with factory.start(name, "image", case.precision) as started:
                answer = started.ask(ONE_RUN)
                elapsed_ms = 1e3 * (time.perf_counter() - start)
            seen[name].append(answer | {"ms_min": elapsed_ms, "ms_median": elapsed_ms})
    return outcome(seen, load, reference)


def timed_command(command):
    """One round of a program that ends by itself; its output goes nowhere."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    elapsed_ms = 1e3 * (time.perf_counter() - start)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise program.PeerError(f"osprey {command[1]} failed with {process.returncode}")
    return {"ms_min": elapsed_ms, "ms_median": elapsed_ms, "runs": 1,
            "peak_rss_bytes": 1024 * usage.ru_maxrss}


def photos(case, factory, options, reference, note):
    """osprey is the whole program, from its start; what its halves take alone stands beside it."""
    folder = factory.folder / "photos"
    count = len(list(folder.iterdir()))
    common = ["-m", factory.engine(case.precision), "--threads", str(options.threads), folder,
              "--format", "npy"]
    with (factory.start("openvino", "photos", case.precision) as peer,
          factory.start("osprey", "image", case.precision) as model):

        def model_alone():
            """As many batches as the photographs are, timed as one: the least of single batches
            would leave out what interrupts every run of a second."""
            batches = -(-count // MODEL_BATCH)
            model.ask({"batch": MODEL_BATCH, "warm_ups": 0, "seconds": 0, "min_runs": 1})
            start = time.perf_counter()
            answer = model.ask({"batch": MODEL_BATCH, "warm_ups": 0, "seconds": 0,
                                "min_runs": batches})
            elapsed_ms = 1e3 * (time.perf_counter() - start)
            return answer | {"ms_min": elapsed_ms, "ms_median": elapsed_ms, "runs": 1,
                             "scale": count / (batches * MODEL_BATCH)}

        rounds = {
            "osprey": lambda: timed_command([options.osprey, "embed", *common]),
            "osprey-exact": lambda: timed_command([options.osprey, "embed", "--exact", *common]),
            "openvino": lambda: peer.ask({"warm_ups": 1, "seconds": 0, "min_runs": 1}),
            "osprey-decode": lambda: timed_command([options.osprey, "preprocess", *common[:-2]]),
            "osprey-model": model_alone,
        }
        seen = {name: [] for name in rounds}
        load = machine.OtherLoad([peer, model])
        for number in range(options.rounds):
            for name in in_turn(list(rounds), number):
                note(f"{case.name}: round {number + 1} of {options.rounds}, {name}")
                seen[name].append(rounds[name]())
        return outcome(seen, load, reference) | {"images": count}
