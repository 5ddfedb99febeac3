#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes corpus/spiece and corpus/piece_json: the tests' tokenizers of SigLIP's kinds, cut short.

    fuzz/make_piece_seeds.py
"""

import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent / "tests"


def cut(tokenizer, pieces, merges):
    model = tokenizer["model"]
    if model["type"] == "Unigram":
        model["vocab"] = model["vocab"][:pieces]
        return tokenizer
    kept = [merge if isinstance(merge, list) else merge.split(" ") for merge in model["merges"]]
    model["merges"] = kept[:merges]
    # Bytes are asked for, whatever else goes.
    made = {"".join(merge) for merge in kept[merges:]}
    model["vocab"] = {token: i for token, i in model["vocab"].items() if token not in made}
    return tokenizer


def main():
    for name in ("spiece", "piece_json"):
        (HERE / "corpus" / name).mkdir(exist_ok=True)
    spiece = (TESTS / "golden/models/hf-siglip/spiece.model").read_bytes()
    (HERE / "corpus/spiece/identity").write_bytes(spiece)
    (HERE / "corpus/spiece/short").write_bytes(spiece[:1000])
    for name, source in (("unigram", "golden/models/openclip-siglip"),
                         ("charsmap", "input/data/siglip_json"),
                         ("bpe", "golden/models/openclip-siglip2"),
                         ("bytes", "input/data/roberta")):
        tokenizer = json.loads((TESTS / source / "tokenizer.json").read_text("utf-8"))
        text = json.dumps(cut(tokenizer, 60, 20), ensure_ascii=False, separators=(",", ":"))
        (HERE / "corpus/piece_json" / name).write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
