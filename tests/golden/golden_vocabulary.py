# SPDX-License-Identifier: Apache-2.0
"""CLIP's tokenizer files, for CLIP's own vocabulary or a small one trained on some sentences."""

import json
from collections import Counter

import open_clip
from transformers import CLIPTokenizer

START, END = "<|startoftext|>", "<|endoftext|>"
MERGES = 160

SENTENCES = """
a photo of a cat . a photo of a dog . a photo of the small bird on a tree . a drawing of a house
a close-up photo of the water . a bad photo of a person with a hat . the origami of a flower
a black and white photo of many people in the street . a bright picture of something red
this is an image that shows nothing . there were two children playing with a ball in the park
the train is standing at the station and another one is coming . isn't it ? we'll see what they're
a diagram of things . a painting of the mountain with snow . a toy car . a plastic bottle of milk
an elephant walks through the yellow grass while five monkeys jump from branch to branch . quick
brown foxes and lazy zebras enjoy their breakfast near the river bank before the heavy rain begins
"""


CHINESE = "一张照片北京的犬猫和红色汽车"


def wordpiece(size=0):
    """A small BERT vocabulary, a token a line's number: letters, some words, Chinese characters;
    filled up to that size."""
    words = sorted({word for word in SENTENCES.split() if word.isalpha() and len(word) > 1})
    letters = [*"abcdefghijklmnopqrstuvwxyz0123456789"]
    tokens = ["[PAD]", *(f"[unused{i}]" for i in range(1, 6)), "[UNK]", "[CLS]", "[SEP]", "[MASK]",
              *"!'(),-.:?", *letters, *CHINESE, *words[::3], *(f"##{c}" for c in letters),
              "##ing", "##s", "##er"]
    tokens = list(dict.fromkeys(tokens))
    tokens += [f"[unused{i}]" for i in range(len(tokens), size)]
    return {token: number for number, token in enumerate(tokens)}


def save_wordpiece(folder, vocabulary, file="vocab.txt"):
    (folder / file).write_text("".join(f"{token}\n" for token in vocabulary), "utf-8")


def byte_alphabet():
    """GPT-2's printable character for each byte, in the order in which CLIP numbers them."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {byte: chr(byte) for byte in printable}
    for byte in range(256):
        if byte not in table:
            table[byte] = chr(256 + len(table) - len(printable))
    return list(table.values())


def train_merges():
    words = Counter(SENTENCES.split())
    split = {word: [*word[:-1], word[-1] + "</w>"] for word in words}
    merges = []
    while len(merges) < MERGES:
        pairs = Counter()
        for word, parts in split.items():
            for pair in zip(parts, parts[1:]):
                pairs[pair] += words[word]
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        for word, parts in split.items():
            merged = []
            for part in parts:
                if merged and (merged[-1], part) == best:
                    merged[-1] += part
                else:
                    merged.append(part)
            split[word] = merged
    return merges


def build():
    """(vocabulary, merges): bytes, bytes that end a word, merges, start, end; as CLIP numbers."""
    merges = train_merges()
    alphabet = byte_alphabet()
    tokens = alphabet + [letter + "</w>" for letter in alphabet]
    tokens += ["".join(pair) for pair in merges] + [START, END]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    assert len(vocabulary) == len(tokens)
    return vocabulary, merges


def builtin():
    """The vocabulary in open_clip's wheel, with CLIP's names for the two special tokens."""
    simple = open_clip.SimpleTokenizer()
    tokens = sorted(simple.encoder, key=simple.encoder.get)
    tokens[-2:] = [START, END]
    return {token: index for index, token in enumerate(tokens)}, list(simple.bpe_ranks)


def save_plain(folder, vocabulary, merges):
    """vocab.json and merges.txt, nothing else."""
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), "utf-8")
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", "utf-8")


def save_special_tokens(folder, context):
    """The two small files as published beside OpenAI's models."""

    def token(content):
        return {"content": content, "single_word": False, "lstrip": False, "rstrip": False,
                "normalized": True}

    special = {"bos_token": token(START), "eos_token": token(END), "unk_token": token(END),
               "pad_token": END}
    (folder / "special_tokens_map.json").write_text(json.dumps(special), "utf-8")
    config = {"unk_token": {**token(END), "__type": "AddedToken"},
              "bos_token": {**token(START), "__type": "AddedToken"},
              "eos_token": {**token(END), "__type": "AddedToken"}, "pad_token": END,
              "add_prefix_space": False, "errors": "replace", "do_lower_case": True,
              "model_max_length": context, "tokenizer_class": "CLIPTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")


def save_fast(folder, vocabulary, merges):
    """tokenizer.json alone."""
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=merges)
    (folder / "tokenizer.json").write_text(tokenizer.backend_tokenizer.to_str(), "utf-8")
