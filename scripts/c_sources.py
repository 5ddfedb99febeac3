# SPDX-License-Identifier: Apache-2.0
"""The C files of the repository, and their text without comments and literals."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Comments, and literals where comment marks mean nothing.
TOKEN = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)


def listed(*folders):
    """C files that git tracks or would track, relative to the root, under the given folders."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others",
               "--exclude-standard", "--", *folders]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
    paths = sorted({Path(name) for name in names if name.endswith((".c", ".h", ".def"))})
    return [path for path in paths if (ROOT / path).is_file()]


def without(text, *, comments=True, literals=False):
    """Blanks comments or literals and keeps the line numbers."""

    def blank(match):
        token = match.group(0)
        drop = comments if token.startswith("/") else literals
        return re.sub(r"[^\n]", " ", token) if drop else token

    return TOKEN.sub(blank, text)


def report(name, errors, checked):
    """Prints the errors, and answers the exit code."""
    for error in errors:
        print(error, file=sys.stderr)
    if not checked:
        print(f"{name}: found no files to check", file=sys.stderr)
        return 1
    print(f"{name}: {checked} files, {len(errors)} errors")
    return 1 if errors else 0
