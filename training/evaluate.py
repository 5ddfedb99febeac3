"""Measures a model directory with OpenCLIP, on sets that it was not trained on; prints JSON.

    python training/evaluate.py models/osprey-mini

200 names: each tiny-imagenet-val picture against the first name of every class, without a sentence around it.
20 everyday words: the pictures that everyday20.tsv assigns to a word, against the 20 words.
flickr1k: 1,000 pictures, 5 captions each; a picture has found its text when one of its five is among the first k.
"""
import argparse
import csv
import io
import json
import random
import tarfile
from pathlib import Path

import open_clip
import torch
from PIL import Image

from captions import DATA, HERE, rows, wnid_names


@torch.no_grad()
def texts_of(model, tokenizer, texts):
    return torch.cat([model.encode_text(tokenizer(texts[i:i + 256]), normalize=True)
                      for i in range(0, len(texts), 256)])


@torch.no_grad()
def images_of(model, preprocess, archive, chosen=None):
    """(names in the archive, normalised features)"""
    names, features, waiting = [], [], []
    with tarfile.open(archive) as tar:
        for entry in tar:
            name = entry.name.removeprefix("./")
            if not entry.isfile() or (chosen is not None and name not in chosen):
                continue
            names.append(name)
            waiting.append(preprocess(Image.open(io.BytesIO(tar.extractfile(entry).read()))))
            if len(waiting) == 128:
                features.append(model.encode_image(torch.stack(waiting), normalize=True))
                waiting = []
    if waiting:
        features.append(model.encode_image(torch.stack(waiting), normalize=True))
    return names, torch.cat(features)


def percent(right):
    return round(100 * right.float().mean().item(), 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default=HERE.parent / "models" / "osprey-mini", type=Path)
    parser.add_argument("--data", default=DATA, type=Path)
    parser.add_argument("--sample", type=int, help="only so many pictures of tiny-imagenet-val, and no flickr1k")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{args.model}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{args.model}")
    model.eval()

    archive, chosen = args.data / "tiny-imagenet-val.tar", None
    if args.sample:
        with tarfile.open(archive) as tar:
            files = sorted(e.name.removeprefix("./") for e in tar if e.isfile())
        chosen = set(random.Random(0).sample(files, args.sample))
    names, images = images_of(model, preprocess, archive, chosen)
    wnids = [n.split("/")[0] for n in names]
    classes = wnid_names(args.data)
    number = {w: i for i, w in enumerate(classes)}
    labels = torch.tensor([number[w] for w in wnids])
    order = (images @ texts_of(model, tokenizer, [n[0] for n in classes.values()]).T).argsort(1, descending=True)
    hit = order == labels[:, None]
    found = {"tiny-imagenet-val, 200 names": {"pictures": len(labels), "top-1": percent(hit[:, 0]),
                                              "top-5": percent(hit[:, :5].any(1))}}

    everyday = [(word, set(members.split())) for word, members in rows(HERE / "everyday20.tsv")]
    word_of = {w: i for i, (_, members) in enumerate(everyday) for w in members}
    inside = torch.tensor([w in word_of for w in wnids])
    labels = torch.tensor([word_of[w] for w in wnids if w in word_of])
    best = (images[inside] @ texts_of(model, tokenizer, [word for word, _ in everyday]).T).argmax(1)
    right = best == labels
    found["tiny-imagenet-val, 20 everyday words"] = {
        "pictures": len(labels), "top-1": percent(right),
        "mean of the words": round(sum(percent(right[labels == i]) for i in range(20)) / 20, 2),
        "top-1 of each": {word: percent(right[labels == i]) for i, (word, _) in enumerate(everyday)}}

    if not args.sample:
        names, images = images_of(model, preprocess, args.data / "flickr1k.tar")
        number = {n.split("/")[-1]: i for i, n in enumerate(names)}
        with open(args.data / "flickr1k-captions.csv", encoding="utf-8", newline="") as file:
            captions = [(number[r["image"]], r["caption"]) for r in csv.DictReader(file) if r["image"] in number]
        owner = torch.tensor([i for i, _ in captions])
        scores = images @ texts_of(model, tokenizer, [c for _, c in captions]).T
        to_image = scores.T.argsort(1, descending=True) == owner[:, None]
        to_text = owner[scores.argsort(1, descending=True)] == torch.arange(len(names))[:, None]
        found["flickr1k"] = {"pictures": len(names), "captions": len(captions)} | {
            f"{way} recall@{k}": percent(hits[:, :k].any(1))
            for way, hits in (("text to image", to_image), ("image to text", to_text)) for k in (1, 5, 10)}
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
