# SPDX-License-Identifier: Apache-2.0
"""Compares utf8proc with the tables of the tokenizers library, over all code points.

    python tests/golden/compare_unicode.py

Prints the code points on which they differ: class, lower case, and the marks which tokenizers' NFC
does not know (src/input/text/code_points.c holds those in a table). Made for tokenizers 0.23.3 and
utf8proc 2.8.
"""

import ctypes
import ctypes.util

from tokenizers import Regex, normalizers

POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
LETTERS, NUMBERS, SPACES = range(1, 6), range(9, 12), range(23, 26)  # utf8proc's categories
DECOMPOSE, COMPOSE, STABLE = 1 << 4, 1 << 3, 1 << 1

utf8proc = ctypes.CDLL(ctypes.util.find_library("utf8proc"))
utf8proc.utf8proc_get_property.restype = ctypes.c_void_p
utf8proc.utf8proc_NFC.restype = ctypes.c_char_p
nfc = normalizers.NFC().normalize_str


def show(title, points):
    ranges = []
    for point in points:
        if ranges and ranges[-1][1] == point - 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    print(f"{title}: {len(points)}")
    print(" ".join(f"{a:x}" if a == b else f"{a:x}-{b:x}" for a, b in ranges))


def class_here(point):
    category = utf8proc.utf8proc_category(point)
    if point in range(9, 14) or point == 0x85 or category in SPACES:
        return "s"
    return "L" if category in LETTERS else "N" if category in NUMBERS else ""


def classes_there():
    found = {}
    for name in ("L", "N", "s"):
        pattern = rf"\p{{{name}}}" if name != "s" else r"\s"
        remove = normalizers.Replace(Regex(pattern), "").normalize_str
        found.update({point: name for point in POINTS if not remove(chr(point))})
    return found


def combining_class(point):
    return ctypes.c_int16.from_address(utf8proc.utf8proc_get_property(point) + 2).value


def is_mark_there(point):
    """Whether a mark of class 1, 7 or 220 changes its place with it, on either side."""
    texts = [f"q{chr(point)}\u0334", f"q\u0301{chr(point)}", f"q\u0345{chr(point)}"]
    return any(nfc(text) != text for text in texts)


def main():
    there = classes_there()
    lower = normalizers.Lowercase().normalize_str
    show("class", [c for c in POINTS if class_here(c) != there.get(c, "")])
    show("lower case", [c for c in POINTS if lower(chr(c)) != chr(utf8proc.utf8proc_tolower(c))])
    show("NFC alone", [c for c in POINTS if c and utf8proc.utf8proc_NFC(chr(c).encode()).decode()
                       != nfc(chr(c))])
    marks = [c for c in POINTS if combining_class(c)]
    show("marks unknown to tokenizers", [c for c in marks if not is_mark_there(c)])


if __name__ == "__main__":
    main()
