# SPDX-License-Identifier: Apache-2.0
"""The table on the terminal."""

import machine


def best_peer(outcome):
    """(name, figures) of the quickest but osprey; None where there is no other."""
    peers = {name: p for name, p in outcome["programs"].items() if not name.startswith("osprey")}
    return min(peers.items(), key=lambda item: item[1]["ms_min"]) if peers else None


def print_head():
    print(f"{'case':30} {'program':12} {'min ms':>10} {'median ms':>10} {'peak MiB':>9} "
          f"{'cosine':>8}  osprey is")


def print_case(name, outcome):
    """Ratios are of minima: what the machine's other work disturbs least."""
    ours = outcome["programs"].get("osprey")
    best = best_peer(outcome)
    for program, case in outcome["programs"].items():
        ratio = ""
        if ours and best and not program.startswith("osprey"):
            ratio = f"{case['ms_min'] / ours['ms_min']:6.2f}x as fast"
            ratio += " (best peer)" if program == best[0] else ""
        cosine = f"{case['cosine']:.5f}" if "cosine" in case else ""
        print(f"{name:30} {program:12} {case['ms_min']:10.2f} {case['ms_median']:10.2f} "
              f"{case['peak_rss_bytes'] / 2**20:9.0f} {cosine:>8}  {ratio}".rstrip())
        name = ""
    if outcome["other_load"] > machine.MAX_OTHER_LOAD:
        print(f"{'':30} other programs took {outcome['other_load']:.0%} of the machine meanwhile")
