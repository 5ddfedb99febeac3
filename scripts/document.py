# SPDX-License-Identifier: Apache-2.0
"""What scripts that write tables into docs/ share."""

from pathlib import Path


def megabytes(count):
    return f"{count / 1e6:.1f}"


def table(head, rows, texts=2):
    """Of Markdown; behind the first columns, of texts, numbers are aligned to the right."""
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * texts + "--:|" * (len(head) - texts)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def replace(document, name, lines):
    """Puts the lines between the two marker lines of that name."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
    before, rest = document.read_text("utf-8").split(begin)
    document.write_text(before + begin + "\n" + "\n".join(lines) + "\n\n" + end
                        + rest.split(end)[1], "utf-8")


def chosen(parser, text, known):
    """Of a list with commas, in the order of those known; another name ends the program."""
    names = text.split(",")
    if unknown := set(names) - set(known):
        parser.error(f"no such thing: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return [name for name in known if name in names]


def cpu_model():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "an unknown CPU"
