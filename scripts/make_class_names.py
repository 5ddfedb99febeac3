#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the names of ImageNet's classes, src/model/data/*.txt.gz, a class a line.

    pip install timm==1.0.31
    scripts/make_class_names.py

The order of the classes, as WordNet's numbers, and WordNet's words for them come with timm.
"""

import gzip
from pathlib import Path

import timm

LISTS = {"imagenet_1k": ("imagenet_synsets", 1000), "imagenet_21k": ("imagenet21k_goog_synsets",
                                                                     21843)}


def main():
    facts = Path(timm.__file__).parent / "data/_info"
    lines = (facts / "imagenet_synset_to_lemma.txt").read_text("utf-8").splitlines()
    words = dict(line.split("\t", 1) for line in lines)
    folder = Path(__file__).resolve().parent.parent / "src/model/data"
    for name, (source, count) in LISTS.items():
        numbers = (facts / f"{source}.txt").read_text("utf-8").split()
        names = [words[number] for number in numbers]
        assert len(names) == count and all(names) and not any("\n" in text for text in names)
        text = "".join(f"{line}\n" for line in names).encode()
        (folder / f"{name}.txt.gz").write_bytes(gzip.compress(text, 9, mtime=0))


if __name__ == "__main__":
    main()
