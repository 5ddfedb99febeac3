# SPDX-License-Identifier: Apache-2.0
"""The machine, and what else ran on it."""

import os
from pathlib import Path

# Of Linux' flags, what a matrix product can be made of.
FLAGS = ["avx2", "fma", "f16c", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16",
         "amx_tile", "amx_bf16", "amx_int8"]
MAX_OTHER_LOAD = 0.1  # share of the machine above which figures are marked


def describe():
    fields = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    there = fields.get("flags", "").split()
    memory = Path("/proc/meminfo").read_text().split()
    return {"cpu": f"{fields.get('model name', 'unknown')}, family {fields.get('cpu family')}, "
                   f"model {fields.get('model')}",
            "flags": [flag for flag in FLAGS if flag in there],
            "cores": len(os.sched_getaffinity(0)),
            "memory_gib": round(int(memory[memory.index("MemTotal:") + 1]) / 2**20)}


class OtherLoad:
    """The share of the machine's time that others take: what is neither idle nor the programs'."""

    def __init__(self, programs):
        self.programs = programs
        self.start = self.now()

    def now(self):
        fields = list(map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]))
        tick = 1 / os.sysconf("SC_CLK_TCK")
        # This process, its children that have ended, and those that run.
        own = sum(os.times()[:4]) + sum(program.cpu_seconds() for program in self.programs)
        return sum(fields) * tick, (fields[3] + fields[4]) * tick, own

    def share(self):
        total, idle, own = (end - start for end, start in zip(self.now(), self.start))
        return round(max(0.0, (total - idle - own) / total), 3) if total else 0.0
