# SPDX-License-Identifier: Apache-2.0
"""Times osprey and its peers side by side on ViT-B/32 in fp32, with random weights.

    scripts/venv.sh && .venv/bin/python bench/bench_peers.py

Prints a table and writes build/bench.json. The programs run in turn, round after round; the figure
of each is its best round's minimum, and the median of its rounds' medians. A peer's process keeps
both towers, osprey's has the one that is timed: mind it when comparing peak memory.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

TOWERS = ["image", "text"]
BATCHES = [1, 8]
PEERS = ["pytorch"]  # each is bench/peer_<name>.py
PEER_SECONDS = 3  # for each case in each round, as long as osprey bench takes
MAX_OTHER_LOAD = 0.1  # share of the machine above which figures mean little
OUTPUT = ROOT / "build" / "bench.json"


class Peer:
    """A peer's process, kept from round to round."""

    def __init__(self, name, model_dir, threads):
        program = ROOT / "bench" / f"peer_{name}.py"
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
        self.name = name
        self.process = subprocess.Popen(
            [sys.executable, program, model_dir, str(threads)], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.version = self.answer()["version"]

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.name}: ended with {self.process.wait()}")
        return json.loads(line)

    def measure(self, tower):
        for batch in BATCHES:
            request = {"tower": tower, "batch": batch, "seconds": PEER_SECONDS}
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            yield batch, self.answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Osprey:
    name = "osprey"

    def __init__(self, binary, model_dir, threads):
        self.command = [binary, "bench", "-m", model_dir, "--no-cache", "--json",
                        "--threads", str(threads), "--batch", ",".join(map(str, BATCHES))]
        asked = subprocess.run([binary, "--version"], capture_output=True, text=True)
        self.version = asked.stdout.strip()

    def measure(self, tower):
        done = subprocess.run([*self.command, "--tower", tower], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"osprey bench failed with {done.returncode}: {done.stderr.strip()}")
        for line in done.stdout.splitlines():
            case = json.loads(line)
            yield case["batch"], case

    def close(self):
        pass


def cpu_model():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown"


class OtherLoad:
    """The share of the machine's time that programs other than this one's children take."""

    def __init__(self):
        self.start = self.now()

    @staticmethod
    def now():
        fields = list(map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]))
        tick = 1 / os.sysconf("SC_CLK_TCK")
        idle = (fields[3] + fields[4]) * tick
        own = sum(sum(resource.getrusage(who)[:2])
                  for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(fields) * tick, idle, own

    def share(self):
        """Children count once they have ended."""
        total, idle, own = (end - start for end, start in zip(self.now(), self.start))
        return max(0.0, (total - idle - own) / total)


def summarise(rounds):
    return {"ms_min": min(case["ms_min"] for case in rounds),
            "ms_median": statistics.median(case["ms_median"] for case in rounds),
            "ms_medians": [case["ms_median"] for case in rounds],
            "peak_rss_bytes": max(case["peak_rss_bytes"] for case in rounds)}


def measure_all(programs, rounds):
    """One record for each program, tower and batch."""
    seen = {}
    for number in range(rounds):
        for tower in TOWERS:
            for program in programs:
                print(f"\rround {number + 1} of {rounds}: {tower} tower, {program.name}   ",
                      end="", file=sys.stderr, flush=True)
                for batch, case in program.measure(tower):
                    seen.setdefault((tower, batch, program.name), []).append(case)
    print("\r" + " " * 60, end="\r", file=sys.stderr)
    return [{"tower": tower, "batch": batch, "program": name} | summarise(cases)
            for (tower, batch, name), cases in seen.items()]


def print_table(cases, programs):
    by_key = {(case["tower"], case["batch"], case["program"]): case for case in cases}
    print(f"{'tower':6} {'batch':>5}  {'program':10} {'min ms':>9} {'median ms':>10} "
          f"{'per item':>9} {'peak MiB':>9} {'osprey is':>12}")
    for tower in TOWERS:
        for batch in BATCHES:
            ours = by_key[tower, batch, "osprey"]["ms_median"]
            for program in programs:
                case = by_key[tower, batch, program.name]
                ratio = ""
                if program.name != "osprey":
                    ratio = f"{case['ms_median'] / ours:.2f}x as fast"
                print(f"{tower:6} {batch:5}  {program.name:10} {case['ms_min']:9.2f} "
                      f"{case['ms_median']:10.2f} {case['ms_median'] / batch:9.2f} "
                      f"{case['peak_rss_bytes'] / 2**20:9.0f} {ratio:>12}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--osprey", type=Path, default=ROOT / "build" / "osprey")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "parity",
                        help="where the model is, or is written")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if not options.osprey.is_file():
        parser.error(f"{options.osprey} is missing: run make first")

    model_dir = options.work.resolve() / "vit-b-32"
    # A process of its own: PyTorch's memory is not to be here while osprey is timed.
    subprocess.run([sys.executable, "-c", "import sys, pathlib, full_size_models as models; "
                    "models.make('vit-b-32', pathlib.Path(sys.argv[1]))", model_dir],
                   check=True, cwd=ROOT / "scripts")
    load = OtherLoad()
    programs = [Osprey(options.osprey.resolve(), model_dir, options.threads)]
    programs += [Peer(name, model_dir, options.threads) for name in PEERS]
    cases = measure_all(programs, options.rounds)
    for program in programs:
        program.close()
    other_load = load.share()

    print(f"ViT-B/32, fp32, {options.threads} threads, {cpu_model()}; "
          + ", ".join(program.version for program in programs))
    print_table(cases, programs)
    if other_load > MAX_OTHER_LOAD:
        print(f"Other programs took {other_load:.0%} of the machine meanwhile: do not trust these "
              "figures.")
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps({
        "model": "vit-b-32", "precision": "fp32", "cpu": cpu_model(), "cores": os.cpu_count(),
        "threads": options.threads, "rounds": options.rounds, "other_load": round(other_load, 3),
        "programs": {program.name: program.version for program in programs}, "cases": cases,
    }, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
