# SPDX-License-Identifier: Apache-2.0
"""Writes what transformers' SiglipTokenizer, Siglip2Tokenizer, XLMRobertaTokenizer and
RobertaTokenizer, and the tokenizers library, make of generated texts, for tests/input.

    python tests/golden/make_piece_tokenizers.py

Made with transformers 5.23.0, tokenizers 0.23.3 and sentencepiece 0.2.3. The vocabularies are
trained here, on the same kinds of texts: tests/input/data/siglip/ gets spiece.model with the
normalisation of the published one (nmt_nfkc), siglip_json/ a unigram model as tokenizer.json, and
siglip2/ a byte-pair one, each with a file of texts and ids in the form of make_tokenizer_golden.py;
openclip_siglip/ a unigram one as OpenCLIP has it, and openclip_texts.gz what open_clip makes of
texts with it, and with siglip2/. xlm_roberta/ gets one in the form of the published models, with the
texts of both kinds, and xlm_roberta_newer/ the same model in that of newer conversions. roberta/ gets
RoBERTa's byte pairs as tokenizer.json, with open_clip's texts; roberta_files/ the same as vocab.json
and merges.txt, with texts whose ends are stripped, as sentence-transformers does it.
"""

import random

import golden_pieces
import open_clip
from make_tokenizer_golden import (DATA, ENGLISH, KNOWN, any_case, contractions, controls, emoji,
                                   mixed, numbers, script, spaces, texts, words, write_texts)
from transformers import AutoTokenizer, SiglipTokenizer

SPECIAL = ["</s>", "<unk>", "<pad>", "<eos>", "<bos>", "<table>", "\n", "<0x41>", "▁", "</S>", "<", ">"]


def special(rng):
    return "".join(rng.choice(SPECIAL) + rng.choice(("", " ", "a", "!", "É", " cat", "  "))
                   for _ in range(rng.randint(1, 4)))


def sigmas(rng):
    return "".join(rng.choice("ΣσςΑΟaİ .'·’\u0301\u00adʰªⅯⓐ5") for _ in range(rng.randint(1, 9)))


def ruled(rng):
    return "".join(rng.choice(golden_pieces.RULES)[0] + rng.choice(("", "e", "\u0301", " ", "\uff9e"))
                   for _ in range(rng.randint(1, 6)))


def make_texts(seed, kinds):
    rng = random.Random(seed)
    made = texts(seed, 2000, 10)
    made += [kind(rng).encode() for kind in kinds for _ in range(150)]
    # A NUL ends SentencePiece's texts in Python, and some are newer than its tables.
    return [text for text in dict.fromkeys(made)
            if b"\0" not in text and KNOWN.issuperset(text.decode("utf-8", "replace"))]


def corpus():
    """Few enough characters of each script for a small vocabulary."""
    rng = random.Random(5)
    known = set("abcdefghijklmnopqrstuvwxyz0123456789éüñçß猫犬京カタひら한국αβγσςабвг 🦅🙂")
    kinds = (words, words, any_case, script, mixed, emoji)
    lines = ["".join(c for c in kind(rng).lower() if c in known) for kind in kinds
             for _ in range(500)]
    lines += ["".join(rng.sample(sorted(known), 12)) for _ in range(300)]
    return [line for line in lines if line.strip()] + [word.lower() for word in ENGLISH] * 5


class Decoded:
    """SentencePiece wants text: what is no UTF-8 becomes U+FFFD before."""

    def __init__(self, encode):
        self.encode = encode

    def __call__(self, text, **options):
        return {"input_ids": self.encode(text)}


def write_openclip_texts(folder, seed, clean="canonicalize"):
    """Ids of texts that ftfy and HTML's entities leave as they are."""
    tokenizer = open_clip.tokenizer.HFTokenizer(str(folder), clean=clean)

    def is_plain(text):
        text = text.decode("utf-8", "replace")
        return open_clip.tokenizer.basic_clean(text) == text.strip()

    texts = [text for text in make_texts(seed, (special, sigmas)) if is_plain(text)]
    write_texts(folder / "openclip_texts.gz",
                Decoded(lambda text: tokenizer.tokenizer(tokenizer.clean_fn(text))["input_ids"]),
                texts[::2])


def fairseq_special(rng):
    return special(rng) + "".join(rng.choice(("<s>", "<mask>", "  <mask>", "▁", "a", " "))
                                  for _ in range(rng.randint(1, 3)))


def write_xlm_roberta_texts(folder, seed):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    write_texts(folder / "texts.gz", Decoded(lambda text: tokenizer(text)["input_ids"]),
                make_texts(seed, (fairseq_special, ruled))[::2])


def write_roberta_texts(folder, seed):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    kinds = (fairseq_special, spaces, controls, contractions, numbers)
    write_texts(folder / "texts.gz", Decoded(lambda text: tokenizer(text.strip())["input_ids"]),
                make_texts(seed, kinds)[::2])


def main():
    sentences = corpus()
    folder = DATA / "siglip"
    folder.mkdir(parents=True, exist_ok=True)
    model = golden_pieces.spiece(sentences, 1500, normalization_rule_name="nmt_nfkc")
    golden_pieces.save_spiece(folder, model)
    slow = SiglipTokenizer.from_pretrained(folder)
    write_texts(folder / "texts.gz", Decoded(lambda text: slow(text)["input_ids"]),
                make_texts(11, (special, sigmas)))

    folder = DATA / "siglip_json"
    folder.mkdir(parents=True, exist_ok=True)
    model = golden_pieces.spiece_of_rules(sentences, 900)
    fast = golden_pieces.unigram_json(model)
    fast.save(str(folder / "tokenizer.json"))
    write_texts(folder / "texts.gz", Decoded(lambda text: fast.encode(text).ids),
                make_texts(12, (special, ruled)))

    folder = DATA / "siglip2"
    folder.mkdir(parents=True, exist_ok=True)
    gemma = golden_pieces.save_gemma(folder)
    write_texts(folder / "texts.gz", Decoded(lambda text: gemma(text)["input_ids"]),
                make_texts(13, (special,)))
    write_openclip_texts(folder, 14)

    folder = DATA / "openclip_siglip"
    folder.mkdir(parents=True, exist_ok=True)
    golden_pieces.save_t5(folder, model)
    write_openclip_texts(folder, 15)

    folder = DATA / "xlm_roberta"
    folder.mkdir(parents=True, exist_ok=True)
    golden_pieces.save_xlm_roberta(folder, model)
    write_xlm_roberta_texts(folder, 16)
    write_openclip_texts(folder, 17, "whitespace")
    folder = DATA / "xlm_roberta_newer"
    folder.mkdir(parents=True, exist_ok=True)
    golden_pieces.save_xlm_roberta(folder, model, old=False)
    write_xlm_roberta_texts(folder, 18)

    merged = golden_pieces.merged_bytes(sentences, 800)
    folder = DATA / "roberta"
    folder.mkdir(parents=True, exist_ok=True)
    golden_pieces.save_roberta(folder, *merged)
    write_openclip_texts(folder, 19, "whitespace")
    folder = DATA / "roberta_files"
    folder.mkdir(parents=True, exist_ok=True)
    golden_pieces.save_roberta_files(folder, *merged)
    write_roberta_texts(folder, 20)


if __name__ == "__main__":
    main()
