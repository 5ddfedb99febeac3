"""Captions of osprey-mini: which names, everyday words and templates stand for an image.

classes.tsv    the classes to learn: where their images lie, their names, the everyday words that are right or neutral
everyday.tsv   synonyms of the everyday words
templates.txt  sentences with {} for the name
"""
import random
import re
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
DATA = HERE.parent.parent / "shared" / "data"  # ../shared/data relative to the repository
BARE = 0.45        # how often a caption is the name alone
FIRST_NAME = 0.55  # how often a caption uses a class's first name


def rows(path):
    """The tab-separated rows of a file, without comments and empty lines."""
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            yield line.split("\t")


def split(text):
    return [part.strip() for part in text.split(",") if part.strip()]


def wnid_names(data_dir=DATA):
    """wnid -> list of names, the first being the usual one."""
    return {wnid: split(names) for wnid, names in rows(Path(data_dir) / "tiny-imagenet-classes.tsv")}


def fill(template, name):
    """Puts a name into a template, with 'an' before a vowel."""
    text = template.replace("{}", name)
    if name[0].lower() in "aeio":
        text = re.sub(r"\ba (?=%s)" % re.escape(name), "an ", text)
    return text


class Captions:
    """Classes (fine columns) and everyday words (coarse columns), and how they relate.

    neutral[c, k]     the name of class k is neither right nor wrong for an image of class c
    word_right[c, w]  the everyday word w is right for class c;  word_neutral: neither right nor wrong
    """

    def __init__(self, data_dir=DATA):
        official = wnid_names(data_dir)
        synonyms = {r[0]: split(r[1]) for r in rows(HERE / "everyday.tsv")}
        self.templates = (HERE / "templates.txt").read_text(encoding="utf-8").split("\n")
        self.templates = [t for t in self.templates if "{}" in t]
        self.member, self.names, right, neutral = {}, [], [], []
        for cells in rows(HERE / "classes.tsv"):
            members, extra, yes, maybe = (cells + [""] * 4)[:4]
            names = []
            for member in members.split("+"):
                self.member[member] = len(self.names)
                names += official.get(member, [])
            dropped = {e[1:] for e in split(extra) if e.startswith("-")}
            names += [e for e in split(extra) if not e.startswith("-")]
            self.names.append([n for n in dict.fromkeys(names) if n not in dropped])
            right.append(split(yes))
            neutral.append(split(maybe))
        self.words = sorted({w for ws in right for w in ws})
        self.synonyms = [[w] + synonyms.get(w, []) for w in self.words]

        k, n = len(self.names), len(self.words)
        self.neutral = torch.zeros(k, k, dtype=torch.bool)
        self.word_right = torch.zeros(k, n, dtype=torch.bool)
        self.word_neutral = torch.zeros(k, n, dtype=torch.bool)
        for c in range(k):
            own = {m.lower() for m in self.names[c]}
            for w, forms in enumerate(self.synonyms):
                # A word that is also a name of the class is right for it.
                if forms[0] in right[c] or own & set(forms):
                    self.word_right[c, w] = True
                elif forms[0] in neutral[c]:
                    self.word_neutral[c, w] = True
            loose = set(right[c]) | set(neutral[c]) | own
            for other in range(k):
                if other != c and loose & {m.lower() for m in self.names[other]}:
                    self.neutral[c, other] = True

    def caption(self, names, rng):
        """One caption: a name, often the first, often alone."""
        name = names[0] if rng.random() < FIRST_NAME else rng.choice(names)
        if rng.random() < BARE:
            return name
        return fill(rng.choice(self.templates), name)

    def class_captions(self, rng, chosen=None):
        out = []
        for c in range(len(self.names)) if chosen is None else chosen:
            text = self.caption(self.names[c], rng)
            if rng.random() < 0.05:  # now and then the everyday word beside the name
                right = self.word_right[c].nonzero().flatten().tolist()
                if right:
                    text += rng.choice([", a kind of ", ", a ", ", "]) + self.words[rng.choice(right)]
            out.append(text)
        return out

    def word_captions(self, rng, chosen):
        return [self.caption(self.synonyms[w], rng) for w in chosen]

    def corpus(self):
        """(text, weight) pairs to train the vocabulary on."""
        for template in self.templates:
            yield template.replace("{}", ""), 200
        for names in self.names:
            for i, name in enumerate(names):
                yield name, 40 if i == 0 else 15
        for forms in self.synonyms:
            for form in forms:
                yield form, 100
        for word in (HERE / "common_words.txt").read_text(encoding="utf-8").split():
            yield word, 8


if __name__ == "__main__":  # shows what the images are called
    bank, rng = Captions(), random.Random(0)
    for c, text in enumerate(bank.class_captions(rng)):
        print(c, bank.names[c][0], "|", text, "|", [bank.words[w] for w in bank.word_right[c].nonzero().flatten()],
              "| neutral:", [bank.words[w] for w in bank.word_neutral[c].nonzero().flatten()],
              [bank.names[k][0] for k in bank.neutral[c].nonzero().flatten()])
    print(len(bank.names), "classes,", len(bank.words), "everyday words,", len(bank.templates), "templates")
