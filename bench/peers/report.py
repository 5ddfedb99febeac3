# SPDX-License-Identifier: Apache-2.0
"""Writes what run.py measured into docs/performance.md, between its marker lines, and the plots
beside it. Needs nothing but Python:

    python3 bench/peers/report.py build/peers/results.json [docs/performance.md]
"""

import json
import sys
from pathlib import Path

import goals
import machine
import plots
import table

ROOT = Path(__file__).resolve().parents[2]
BEGIN = "<!-- written by bench/peers/report.py from a run of make bench-peers: begin -->"
END = "<!-- end -->"
PLOTTED = ["fp32", "bf16", "int8"]


def rows(header, lines):
    """A Markdown table; a header that begins with > is aligned to the right."""
    yield "| " + " | ".join(title.lstrip(">") for title in header) + " |"
    yield "|" + "|".join("--:" if title.startswith(">") else "---" for title in header) + "|"
    for line in lines:
        yield "| " + " | ".join(line) + " |"
    yield ""


def machine_lines(results):
    here, settings = results["machine"], results["settings"]
    versions = ", ".join(results["versions"].values())
    yield (f"{here['cpu']}; {here['cores']} cores, {here['memory_gib']} GiB; "
           f"{', '.join(here['flags'])}. {settings['threads']} threads, {settings['rounds']} rounds "
           f"of at least {settings['seconds']} s for each program. {versions}.")
    yield ""
    if results["settings"].get("quick"):
        yield ("This was a quick run (`make bench`): few cases, short rounds. The whole set is "
               "`make bench-peers`.")
        yield ""
    loads = [outcome["other_load"] for outcome in results["cases"].values()]
    yield (f"Other programs took {min(loads):.0%} to {max(loads):.0%} of the machine meanwhile; cases "
           f"with more than {machine.MAX_OTHER_LOAD:.0%} are marked with *, and mean little.")
    yield ""


def goal_lines(cases):
    lines = []
    for goal in goals.every_goal(cases):
        measured = "" if goal.measured is None else f"{goal.measured:.2f}x"
        lines.append((goal.text, f"{goal.at_least:.2f}x", measured, goal.verdict, goal.note))
    yield from rows(["osprey against the best peer in the same precision", ">at least", ">measured",
                     "", ""], lines)


def case_lines(cases):
    lines = []
    for name, outcome in cases.items():
        best = table.best_peer(outcome)
        marked = name + (" *" if outcome["other_load"] > machine.MAX_OTHER_LOAD else "")
        for program, figures in outcome["programs"].items():
            label = plots.NAMES.get(program, program)
            if best and program == best[0]:
                label += " (best peer)"
            ratio = ""
            if not program.startswith("osprey") and "osprey" in outcome["programs"]:
                ratio = f"{figures['ms_min'] / outcome['programs']['osprey']['ms_min']:.2f}x"
            cosine = f"{figures['cosine']:.5f}" if "cosine" in figures else ""
            lines.append((marked, label, f"{figures['ms_min']:.2f}", f"{figures['ms_median']:.2f}",
                          ratio, f"{figures['peak_rss_bytes'] / 2**20:.0f}", cosine))
            marked = ""
    yield from rows(["case", "program", ">min ms", ">median ms", ">osprey is", ">peak MiB",
                     ">cosine"], lines)


def write_plots(cases, folder):
    """Gives the names of the files."""
    for precision in PLOTTED:
        svg = plots.image_towers(cases, precision)
        if svg:
            path = folder / f"performance-{precision}.svg"
            path.write_text(svg, "utf-8")
            yield path.name


def measured_part(results, folder):
    cases = results["cases"]
    yield from ["### Machine", "", *machine_lines(results)]
    yield from ["### Goals", "", *goal_lines(cases)]
    for name in write_plots(cases, folder):
        yield from [f"![Bars, shorter is faster]({name})", ""]
    yield from ["### Every case", "", *case_lines(cases)]


def write(results, document):
    """Replaces what is between the marker lines."""
    old = document.read_text("utf-8")
    before, begin, rest = old.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{document}: the marker lines are missing:\n{BEGIN}\n{END}")
    part = "\n".join(measured_part(results, document.parent))
    document.write_text(f"{before}{BEGIN}\n\n{part}{END}{after}", "utf-8")


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__.strip())
    document = Path(sys.argv[2]) if len(sys.argv) == 3 else ROOT / "docs" / "performance.md"
    write(json.loads(Path(sys.argv[1]).read_text("utf-8")), document)


if __name__ == "__main__":
    main()
