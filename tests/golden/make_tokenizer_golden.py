# SPDX-License-Identifier: Apache-2.0
"""Writes what transformers' CLIPTokenizerFast makes of generated texts, for tests/input.

    python tests/golden/make_tokenizer_golden.py

Made with transformers 5.23.0, tokenizers 0.23.3 and Python 3.11. No network is needed: CLIP's
vocabulary comes from src/input/text/data.

tests/input/data/clip_texts.gz: for each text a number of bytes, the bytes, a number of ids, the
ids; numbers are LEB128, ids the difference to the one before, zigzag.
tests/input/data/small_*/: a vocabulary of its own, which lacks some bytes, in the layouts in which
models are published, each with texts.gz in the same form.
"""

import gzip
import io
import json
import random
import sys
import unicodedata
from pathlib import Path

from golden_vocabulary import END, START, build, byte_alphabet, save_special_tokens
from transformers import CLIPTokenizerFast

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "input" / "data"

# What Python 3.11's Unicode 14 assigns, or says will never be. Every table in question has those.
ASSIGNED = [c for c in range(0x110000)
            if unicodedata.category(chr(c)) not in ("Cn", "Cs")] + [0xFFFE, 0xFFFF, 0x10FFFF]
KNOWN = frozenset(map(chr, ASSIGNED))
MARKS = [c for c in ASSIGNED if unicodedata.combining(chr(c))]
DIGITS = [c for c in ASSIGNED if unicodedata.category(chr(c)).startswith("N")]
UPPER = [c for c in ASSIGNED if chr(c).lower() != chr(c)]
CHANGED_BY_NFC = [c for c in ASSIGNED if unicodedata.normalize("NFC", chr(c)) != chr(c)]
DECOMPOSABLE = [c for c in ASSIGNED if unicodedata.normalize("NFD", chr(c)) != chr(c)]
SPACES = [c for c in ASSIGNED if chr(c).isspace()] + [0x180E, 0x200B, 0x200D, 0x2060, 0xFEFF]
EMOJI = (list(range(0x1F300, 0x1F650)) + list(range(0x1F680, 0x1F6D0))
         + list(range(0x1F900, 0x1FA00)) + list(range(0x2600, 0x27C0)))
ENGLISH = """a photo of the cat dogs running beautiful sunset over mountains aircraft black and
 white Golden Retriever wearing sunglasses New York café naïve jalapeño can't I'll we've you're
 he'd it's isn't 4k hd 1920x1080 rock'n'roll o'clock e-mail http://example.com/a?b=c #tag @name :-)
 !!! ... antidisestablishmentarianism zyzzyva CamelCaseWord snake_case_word""".split()
CONTRACTIONS = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'T", "'RE", "'Ve", "'M", "'lL",
                "'D", "'", "''", "’s", "'x", "'sa", "!'s", "'\u017f", "'\u212a", "'ſ"]
SCRIPTS = {"chinese": (0x4E00, 0x9FFF), "arabic": (0x0600, 0x06FF), "devanagari": (0x0900, 0x097F),
           "hangul": (0xAC00, 0xD7A3), "jamo": (0x1100, 0x11FF), "thai": (0x0E00, 0x0E7F),
           "cyrillic": (0x0400, 0x04FF), "greek": (0x0370, 0x03FF), "hebrew": (0x0590, 0x05FF),
           "kana": (0x3040, 0x30FF), "latin": (0x00C0, 0x024F), "tamil": (0x0B80, 0x0BFF),
           "mathematical": (0x1D400, 0x1D7FF), "fullwidth": (0xFF00, 0xFFEF)}
SPECIAL = [START, END, START.upper(), END.upper(), "<|startoftext|", "|endoftext|>",
           "<|StartOfText|>", "<start_of_text>", "<|endoftext|>s", "<|", "|>", "[PAD]", "<pad>"]


def some(rng, points, low, high):
    return "".join(chr(rng.choice(points)) for _ in range(rng.randint(low, high)))


def words(rng):
    return " ".join(rng.choice(ENGLISH) for _ in range(rng.randint(1, 8)))


def any_case(rng):
    return "".join(rng.choice((c, c.upper(), c.lower())) for c in words(rng))


def contractions(rng):
    return "".join(rng.choice(("we", "Dog", "É", " ", "5", "!", "")) + rng.choice(CONTRACTIONS)
                   for _ in range(rng.randint(1, 6)))


def script(rng):
    low, high = rng.choice(list(SCRIPTS.values()))
    points = [c for c in range(low, high + 1) if unicodedata.category(chr(c)) != "Cn"]
    return " ".join(some(rng, points, 1, 8) for _ in range(rng.randint(1, 3)))


def emoji(rng):
    parts = []
    for _ in range(rng.randint(1, 5)):
        one = chr(rng.choice(EMOJI))
        kind = rng.randint(0, 5)
        if kind == 0:
            one += chr(0x1F3FB + rng.randint(0, 4))
        elif kind == 1:
            one += "\u200d" + chr(rng.choice(EMOJI)) + "\ufe0f"
        elif kind == 2:
            one = chr(0x1F1E6 + rng.randint(0, 25)) + chr(0x1F1E6 + rng.randint(0, 25))
        elif kind == 3:
            one = rng.choice("0123456789#*") + "\ufe0f\u20e3"
        parts.append(one)
    return rng.choice(("", " ")).join(parts)


def marks(rng):
    return "".join(rng.choice("aeiouAEIOUnçşΑωकカ한") + some(rng, MARKS, 0, 5)
                   for _ in range(rng.randint(1, 4)))


def latin_marks(rng):
    usual = list(range(0x300, 0x370))
    return "".join(rng.choice("aeiouAEIOUncsgyzNCSGYZΑΕΗΙΟΥΩαεηιουωИи")
                   + some(rng, usual, 0, 4) for _ in range(rng.randint(1, 6)))


def decomposed(rng):
    text = some(rng, DECOMPOSABLE, 1, 4)
    return unicodedata.normalize(rng.choice(("NFD", "NFC", "NFKD")), text) + some(rng, MARKS, 0, 2)


def controls(rng):
    return "".join(rng.choice(("a", "B", "é", "", " ")) + chr(rng.choice(
        list(range(0x20)) + list(range(0x7F, 0xA1)) + [0xAD, 0x200E, 0x202E, 0x2066]))
        for _ in range(rng.randint(1, 6)))


def spaces(rng):
    return "".join(rng.choice(("a", "Word", "9", "!", "")) + some(rng, SPACES, 1, 3)
                   for _ in range(rng.randint(1, 5)))


def numbers(rng):
    return some(rng, DIGITS, 1, 4) + rng.choice(("", " ", "x", ".", "'s")) + some(rng, DIGITS, 0, 3)


def special(rng):
    return "".join(rng.choice(SPECIAL) + rng.choice(("", " ", "a", "!", "É", "\u0301", "'s"))
                   for _ in range(rng.randint(1, 4)))


def mixed(rng):
    return "".join(rng.choice((script, emoji, numbers, contractions, words, spaces, marks))(rng)
                   for _ in range(2))


def anything(rng):
    return some(rng, ASSIGNED, 1, 6)


def ascii_noise(rng):
    return some(rng, list(range(0x80)), 1, 24)


def capitals(rng):
    return some(rng, UPPER, 1, 6) + rng.choice(("", "İ", "ΟΔΟΣ", "ẞ", "ǅ"))


def changed_by_nfc(rng):
    return some(rng, CHANGED_BY_NFC, 1, 5)


def long_word(rng):
    kind = rng.randint(0, 4)
    if kind == 0:
        return rng.choice("aZ!=9é猫") * 1000
    if kind == 1:
        return "".join(rng.choice("etaoinshrdlu") for _ in range(1000))
    if kind == 2:
        return "".join(rng.choice(ENGLISH[:20]) for _ in range(200))[:1000]
    if kind == 3:
        return "a" + "".join(chr(rng.choice((0x301, 0x323, 0x334, 0x5B0))) for _ in range(999))
    return "".join(rng.choice("ab") for _ in range(1000))


def broken(rng):
    """Bytes that are not UTF-8, among some that are."""
    kind = rng.randint(0, 3)
    if kind == 0:
        return rng.randbytes(rng.randint(1, 12))
    data = bytearray(mixed(rng).encode()[:40])
    if kind == 1:
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
    elif kind == 2:
        return bytes(data[rng.randint(0, 3):len(data) - rng.randint(0, 3)])
    else:
        pieces = [b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xf0\x9f\x98",
                  b"\xf0\x80\x80\x80", b"\xff", b"\x80\x80", b"\xe0\x9f\xbf",
                  b"\xf8\x88\x80\x80\x80", b"\xc3", b"\xc3\xa9",
                  b"\xe1\x80\xe2\xf0\x91\x92\xf1\xbf\x41"]
        for _ in range(rng.randint(1, 4)):
            at = rng.randint(0, len(data))
            data[at:at] = rng.choice(pieces)
    return bytes(data)


KINDS = [words, any_case, contractions, script, emoji, marks, latin_marks, decomposed, controls,
         spaces, numbers, special, mixed, anything, ascii_noise, capitals, changed_by_nfc, broken]


def texts(seed, count, long_words):
    rng = random.Random(seed)
    fixed = ["", " ", "\0", "a\0b", "a photo of a cat", "\ufeffa", "\ufffd", "İstanbul", "ΟΔΟΣ ΣΑΣ",
             END, START + END, "don't DON'T don\u2019t", "e\u0301 é", "\u1100\u1161\u11a8 각", "ﬁ ﬀ"]
    made = {(t if isinstance(t, bytes) else t.encode()): None for t in fixed}
    for _ in range(long_words):
        made[long_word(rng).encode()] = None
    at = 0
    while len(made) < count:
        text = KINDS[at % len(KINDS)](rng)
        text = text if isinstance(text, bytes) else text.encode()
        if KNOWN.issuperset(text.decode("utf-8", "replace")):
            made[text] = None
        at += 1
    return list(made)


def number(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def record(text, ids):
    out = number(len(text)) + text + number(len(ids))
    last = 0
    for one in ids:
        step = one - last
        out += number(step * 2 if step >= 0 else -step * 2 - 1)
        last = one
    return out


def write_gzip(path, data):
    with io.BytesIO() as block:
        with gzip.GzipFile(filename="", fileobj=block, mode="wb", compresslevel=9, mtime=0) as file:
            file.write(data)
        path.write_bytes(block.getvalue())


def write_texts(path, tokenizer, all_texts):
    ids = [tokenizer(t.decode("utf-8", "replace"))["input_ids"] for t in all_texts]
    write_gzip(path, b"".join(map(record, all_texts, ids)))


def clip_tokenizer():
    path = ROOT / "src" / "input" / "text" / "data" / "bpe_simple_vocab_16e6.txt.gz"
    lines = gzip.open(path).read().decode().split("\n")[1:49152 - 256 - 2 + 1]
    merges = [tuple(line.split()) for line in lines]
    symbols = byte_alphabet()
    tokens = symbols + [s + "</w>" for s in symbols] + ["".join(m) for m in merges] + [START, END]
    return CLIPTokenizerFast(vocab={t: i for i, t in enumerate(tokens)}, merges=merges)


def save_small_vocab(folder):
    """vocab.json and merges.txt without the bytes from 0xc0 on, and "!" for padding."""
    vocabulary, merges = build()
    tokens = [t for t in vocabulary if t.removesuffix("</w>") not in byte_alphabet()[124:188]]
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {token: index for index, token in enumerate(tokens)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    lines = ["#version: 0.2", *map(" ".join, merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", "utf-8")
    save_special_tokens(folder, 77)
    path = folder / "special_tokens_map.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "pad_token": "!"}), "utf-8")


def main():
    DATA.mkdir(parents=True, exist_ok=True)
    small_vocab, small_fast = DATA / "small_vocab", DATA / "small_fast"
    save_small_vocab(small_vocab)
    tokenizer = CLIPTokenizerFast.from_pretrained(small_vocab)
    write_texts(small_vocab / "texts.gz", tokenizer, texts(2, 1000, 5))
    tokenizer.model_max_length = int(1e30)  # what transformers writes where it knows no length
    tokenizer.save_pretrained(small_fast)
    tokenizer = CLIPTokenizerFast.from_pretrained(small_fast)
    write_texts(small_fast / "texts.gz", tokenizer, texts(3, 1000, 5))
    write_texts(DATA / "clip_texts.gz", clip_tokenizer(), texts(1, 12000, 40))


if __name__ == "__main__":
    sys.exit(main())
