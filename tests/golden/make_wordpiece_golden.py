# SPDX-License-Identifier: Apache-2.0
"""Writes what transformers' BertTokenizerFast makes of generated texts, for tests/input.

    python tests/golden/make_wordpiece_golden.py

Made with transformers 5.23.0 and tokenizers 0.23.3. The vocabulary is trained here, on the same
kinds of texts; tests/input/data/wordpiece/ gets vocab.txt and a file of texts and ids in the form of
make_tokenizer_golden.py for each set of options.
"""

import random
import unicodedata

from make_tokenizer_golden import (ASSIGNED, DATA, ENGLISH, SCRIPTS, any_case, emoji, mixed,
                                   script, texts, words, write_texts)
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import BertTokenizerFast

split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
strip = normalizers.BertNormalizer(strip_accents=True, lowercase=False).normalize_str


def is_known(point):
    """Whether tokenizers' tables, which are Unicode 8's, say of it what today's say."""
    category = unicodedata.category(chr(point))
    if category.startswith("P") or point > 0x7F and len(split(f"a{chr(point)}a")) == 3:
        return category.startswith(("P", "Z", "Cc")) and len(split(f"a{chr(point)}a")) == 3
    return category != "Mn" or not strip(chr(point))


OLD = frozenset(chr(c) for c in ASSIGNED if is_known(c))
# Ideographs and hangul by the thousand would teach nothing but their block.
EACH_ONE = [c for c in ASSIGNED if not 0x3500 < c < 0x4D00 and not 0x4F00 < c < 0x9F00
            and not 0xAD00 < c < 0xD700 and not 0xE100 < c < 0xF8F0 and c < 0x20100]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
OPTIONS = {
    "uncased": dict(do_lower_case=True),
    "cased": dict(do_lower_case=False, tokenize_chinese_chars=False),
    "accents": dict(do_lower_case=True, strip_accents=False),
}


def special(rng):
    return "".join(rng.choice([*SPECIAL, "[cls]", "[SEP", "[", "]", "[UNK]]"])
                   + rng.choice(("", " ", "a", "!", "É")) for _ in range(rng.randint(1, 4)))


def every_character():
    """Runs over the code points that every table in question has."""
    known = [c for c in EACH_ONE if chr(c) in OLD]
    for at in range(0, len(known), 40):
        yield "".join("a" + chr(c) for c in known[at:at + 40])


def train(folder):
    rng = random.Random(7)
    corpus = [kind(rng) for kind in (words, any_case, script, mixed, emoji) for _ in range(400)]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    letters = sorted({c for low, high in SCRIPTS.values() for c in map(chr, range(low, high, 7))
                      if unicodedata.category(c) != "Cn"} | set("".join(ENGLISH)))
    trainer = trainers.WordPieceTrainer(vocab_size=3500, special_tokens=SPECIAL,
                                        initial_alphabet=letters, show_progress=False)
    tokenizer.train_from_iterator(corpus, trainer)
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token, _ in vocabulary), "utf-8")


def main():
    folder = DATA / "wordpiece"
    train(folder)
    for seed, (name, options) in enumerate(OPTIONS.items()):
        vocabulary = {line: number for number, line in
                      enumerate((folder / "vocab.txt").read_text("utf-8").split("\n")[:-1])}
        tokenizer = BertTokenizerFast(vocab=vocabulary, **options)
        rng = random.Random(seed)
        made = texts(seed + 10, 2000, 10) + [special(rng).encode() for _ in range(200)]
        if name == "uncased":
            made += [text.encode() for text in every_character()]
        made = [text for text in made if OLD.issuperset(text.decode("utf-8", "replace"))]
        write_texts(folder / f"{name}.gz", tokenizer, made)


if __name__ == "__main__":
    main()
