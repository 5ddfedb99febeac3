# SPDX-License-Identifier: Apache-2.0
"""What osprey wants to reach, and whether the measured cases do."""

import math
from dataclasses import dataclass

import table

OTHER_FAMILIES = {"rn50x4": "RN50x4", "mixer-b-16": "Mixer-B/16", "r50-vit-b-16": "R50+ViT-B/16",
                  "lit-b-16-b-2": "LiT-B16B_2"}
LARGE_TOWERS = ["vit-b-32", "vit-b-16", "vit-l-14"]


@dataclass
class Goal:
    text: str
    at_least: float
    measured: float | None  # None: nothing of it was measured
    note: str = ""
    whole: bool = True  # all its cases were measured

    @property
    def verdict(self):
        if self.measured is None:
            return "not measured"
        so_far = "" if self.whole else " so far"
        if self.measured >= self.at_least:
            return "hit" + so_far
        return f"missed by {1 - self.measured / self.at_least:.0%}{so_far}"


def against_best(outcome):
    """How many times as fast as the quickest peer."""
    best = table.best_peer(outcome)
    ours = outcome["programs"].get("osprey")
    return best[1]["ms_min"] / ours["ms_min"] if best and ours else None


def ratios(cases, names):
    found = {name: against_best(cases[name]) for name in names if name in cases}
    return {name: ratio for name, ratio in found.items() if ratio}


def of_all(text, at_least, found, wanted, combine):
    """A goal for several cases; the note says what is missing, and which is the least."""
    if not found:
        return Goal(text, at_least, None)
    worst = min(found, key=found.get)
    note = f"least {found[worst]:.2f}x, {worst}"
    if len(found) < wanted:
        note = f"{len(found)} of {wanted} cases measured; {note}"
    return Goal(text, at_least, combine(found.values()), note, whole=len(found) == wanted)


def geometric_mean(values):
    logs = [math.log(value) for value in values]
    return math.exp(sum(logs) / len(logs))


def large_towers(cases):
    for precision, at_least in (("fp32", 1.12), ("bf16", 1.2), ("int8", 1.3)):
        names = [f"{model}/image/{batch}/{precision}" for model in LARGE_TOWERS
                 for batch in (1, 8, 32)]
        found = ratios(cases, names)
        yield of_all(f"ViT-B/32, B/16, L/14 at batch 1, 8, 32, {precision}: geometric mean", at_least,
                     found, len(names), geometric_mean)
        yield of_all(f"the least of these, {precision}", 1.05, found, len(names), min)


def other_towers(cases):
    names = [f"vit-h-14/image/1/{precision}" for precision in ("bf16", "int8")]
    yield of_all("ViT-H/14 at batch 1, bf16 and int8: the least", 1.2, ratios(cases, names),
                 len(names), min)
    names = [f"{model}/image/{batch}/{precision}" for model in ("vit-ti-16", "vit-s-16")
             for batch in (1, 8) for precision in ("fp32", "bf16", "int8")]
    yield of_all("ViT-Ti/16 and S/16 at batch 1 and 8, each precision: the least", 1.2,
                 ratios(cases, names), len(names), min)
    for model, text in OTHER_FAMILIES.items():
        names = [f"{model}/image/{batch}/{precision}" for batch in (1, 8)
                 for precision in ("fp32", "bf16", "int8")]
        yield of_all(f"{text} at batch 1 and 8, each precision: the least", 1.2,
                     ratios(cases, names), len(names), min)


def texts(cases):
    for templates, at_least in ((1, 10), (80, 12)):
        name = f"vit-b-32/text/1000x{templates}/bf16"
        yield Goal(f"1,000 labels in {templates} template{'s' * (templates > 1)}, bf16", at_least,
                   ratios(cases, [name]).get(name))


def int8_against_pytorch(cases):
    """The project's promise: what one gains over the published model as one runs it."""
    for batch, at_least in ((8, 5), (1, 6)):
        found = {}
        for model in LARGE_TOWERS:
            ours = cases.get(f"{model}/image/{batch}/int8", {}).get("programs", {})
            theirs = cases.get(f"{model}/image/{batch}/fp32", {}).get("programs", {})
            if "osprey" in ours and "pytorch" in theirs:
                found[model] = theirs["pytorch"]["ms_min"] / ours["osprey"]["ms_min"]
        yield of_all(f"int8 against PyTorch fp32 at batch {batch}: the least of ViT-B/32, B/16, L/14",
                     at_least, found, len(LARGE_TOWERS), min)


def from_files(cases):
    outcome = cases.get("vit-b-32/photos/all/int8")
    text = "JPEG files to embeddings, ViT-B/32 int8, against open_clip's preprocessing + OpenVINO"
    if outcome:
        ms = {name: p["ms_min"] for name, p in outcome["programs"].items()}
        yield Goal(text, 2.5, against_best(outcome), f"{outcome['images'] / ms['osprey'] * 1e3:.1f} "
                                                     "images a second")
        slower = max(ms["osprey-decode"], ms["osprey-model"])
        yield Goal("the same against the slower of decoding and model alone", 0.9,
                   slower / ms["osprey"])
    else:
        yield Goal(text, 2.5, None)
    cold = cases.get("vit-b-32/cold/1/fp32", {}).get("programs", {})
    there = "osprey" in cold and "onnxruntime" in cold
    yield Goal("ViT-B/32 fp32, process start to first embedding, against ONNX Runtime", 20,
               cold["onnxruntime"]["ms_min"] / cold["osprey"]["ms_min"] if there else None)


def every_goal(cases):
    return [goal for part in (large_towers, other_towers, texts, int8_against_pytorch, from_files)
            for goal in part(cases)]


def print_all(cases):
    print(f"\n{'times as fast as the best peer':86} {'at least':>8} {'measured':>9}")
    for goal in every_goal(cases):
        measured = "" if goal.measured is None else f"{goal.measured:.2f}"
        print(f"{goal.text:86} {goal.at_least:8.2f} {measured:>9}  {goal.verdict}"
              + (f" ({goal.note})" if goal.note else ""))
