"""Trains a small byte-pair vocabulary on the captions and writes it in CLIP's file formats.

    python training/vocabulary.py --out models/osprey-mini

Order of the ids as in CLIP: 256 bytes, the same with </w>, the merges, <|startoftext|>, <|endoftext|> (the highest,
because CLIP reads the text's feature at the highest id).
"""
import argparse
import json
from collections import Counter
from pathlib import Path

import regex

from captions import DATA, HERE, Captions

START, END, CONTEXT_KEY = "<|startoftext|>", "<|endoftext|>", "context_length"
WORD = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", regex.IGNORECASE)


def byte_symbols():
    """CLIP's printable character for each byte, in CLIP's order."""
    keep = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    table = {b: chr(b) for b in keep}
    for b in range(256):
        if b not in table:
            table[b] = chr(256 + len(table) - len(keep))
    return table


def train_merges(corpus, count):
    """The `count` most useful merges; ties by the pair itself, so that the result is always the same."""
    symbols = byte_symbols()
    weights = Counter()
    for text, weight in corpus:
        for word in WORD.findall(" ".join(text.lower().split())):
            chars = [symbols[b] for b in word.encode("utf-8")]
            weights[tuple(chars[:-1] + [chars[-1] + "</w>"])] += weight
    words = [(list(w), n) for w, n in weights.items()]
    merges = []
    while len(merges) < count:
        pairs = Counter()
        for word, n in words:
            for pair in zip(word, word[1:]):
                pairs[pair] += n
        if not pairs:
            raise SystemExit(f"the captions give only {len(merges)} merges")
        best = min(pairs, key=lambda p: (-pairs[p], p))
        merges.append(best)
        for word, _ in words:
            i = 0
            while i < len(word) - 1:
                if (word[i], word[i + 1]) == best:
                    word[i:i + 2] = ["".join(best)]
                i += 1
    return merges


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=DATA)
    parser.add_argument("--out", default=HERE.parent / "models" / "osprey-mini", type=Path)
    args = parser.parse_args()
    text_cfg = json.loads((HERE / "config.json").read_text())["model_cfg"]["text_cfg"]

    alphabet = list(byte_symbols().values())
    alphabet += [c + "</w>" for c in alphabet]
    merges = train_merges(Captions(args.data).corpus(), text_cfg["vocab_size"] - len(alphabet) - 2)
    vocab = {t: i for i, t in enumerate(alphabet + ["".join(m) for m in merges] + [START, END])}
    if len(vocab) != text_cfg["vocab_size"]:
        raise SystemExit("two merges gave the same token")

    from transformers import CLIPTokenizerFast
    args.out.mkdir(parents=True, exist_ok=True)
    tokenizer = CLIPTokenizerFast(vocab=vocab, merges=merges, unk_token=END, bos_token=START, eos_token=END,
                                  pad_token=END, model_max_length=text_cfg[CONTEXT_KEY])
    tokenizer.save_pretrained(args.out)
    lines = ["#version: 0.2"] + [" ".join(m) for m in merges]
    (args.out / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (args.out / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
    special = {"bos_token": START, "eos_token": END, "pad_token": END, "unk_token": END}
    (args.out / "special_tokens_map.json").write_text(json.dumps(special, indent=2) + "\n")
    # The class name that every version of transformers knows.
    path = args.out / "tokenizer_config.json"
    config = json.loads(path.read_text()) | {"tokenizer_class": "CLIPTokenizer", "do_lower_case": True} | special
    path.write_text(json.dumps(config, indent=2) + "\n")
    print(f"{len(vocab)} tokens in {args.out}")


if __name__ == "__main__":
    main()
