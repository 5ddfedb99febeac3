# SPDX-License-Identifier: Apache-2.0
"""Loads a written directory with its own library, in fp32, and keeps what it answers."""

import json

import numpy as np
import open_clip
import torch
from PIL import Image
from transformers import (BertModel, BertTokenizer, ChineseCLIPModel, CLIPModel, CLIPTokenizer,
                          MetaClip2Model, PreTrainedTokenizerFast, RobertaModel, RobertaTokenizer,
                          Siglip2Model, SiglipModel, SiglipTokenizer, XLMRobertaModel)
from transformers.models.chinese_clip.image_processing_pil_chinese_clip import (
    ChineseCLIPImageProcessorPil)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.siglip2.image_processing_pil_siglip2 import Siglip2ImageProcessorPil
from transformers.models.siglip2.tokenization_siglip2 import Siglip2Tokenizer

import golden_vocabulary
import naflex

PICTURE = "picture.png"
TEXTS = [
    "a photo of a cat",
    "",
    "A  DIAGRAM\tof 12 things, isn't it? We'll see...",
    "Straße naïve e\u0301 Ünïcode 北京の犬 Ελλάς 🦅",
    "dog",
    "a cat <|endoftext|> on a tree",
    " ".join(["a bright picture of something red with 1234567890 parts"] * 30),
]


def unit(rows):
    return rows / np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)


def save_arrays(folder, arrays):
    for name, array in arrays.items():
        assert np.isfinite(array).all(), name
        np.save(folder / f"{name}.npy", np.ascontiguousarray(array, dtype=np.float32))
        if not name.endswith("_embeds"):
            continue
        cosines = array @ array.T
        np.fill_diagonal(cosines, -1)
        assert cosines.max() < 0.98, f"{folder.name}: {name} hardly differ, so they test nothing"


def save_expected(folder, ids, texts=TEXTS, **others):
    expected = {"texts": [{"text": text, "ids": row}
                          for text, row in zip(texts, ids, strict=True)]} | others
    text = json.dumps(expected, indent=1, ensure_ascii=True)
    (folder / "expected.json").write_text(text + "\n", "utf-8")


def keep(folder, pixels, preprocessed, ids, image_raw, text_raw, logit_scale, **others):
    save_arrays(folder, {
        "pixels": pixels.numpy(), "preprocessed": preprocessed.numpy(),
        "image_embeds_raw": image_raw.numpy(), "image_embeds": unit(image_raw.numpy()),
        "text_embeds_raw": text_raw.numpy(), "text_embeds": unit(text_raw.numpy()),
    })
    save_expected(folder, ids, logit_scale=float(logit_scale.exp()), image=PICTURE, **others)


def keep_texts(folder, ids, text_raw):
    save_arrays(folder, {"text_embeds_raw": text_raw, "text_embeds": unit(text_raw)})
    save_expected(folder, ids)


def tokenize(tokenizer, context, texts=TEXTS):
    ids = [tokenizer(text, truncation=True, max_length=context)["input_ids"] for text in texts]
    assert len(ids[-1]) == context and len(ids[1]) == 2
    return ids


def some_pixels(preprocessed, seed):
    """The picture, and noise in the range of normalised pixels."""
    noise = torch.randn(preprocessed.shape, generator=torch.Generator().manual_seed(seed))
    return torch.cat([preprocessed, noise])


@torch.inference_mode()
def huggingface(folder, pictures, seed):
    # The plain loops, not a fused kernel: these are the reference.
    model, report = CLIPModel.from_pretrained(folder, dtype=torch.float32,
                                              attn_implementation="eager",
                                              output_loading_info=True)
    model.eval()
    assert not report["missing_keys"] and not report["mismatched_keys"], report
    tokenizer = CLIPTokenizer.from_pretrained(folder)
    context = model.config.text_config.max_position_embeddings
    ids = tokenize(tokenizer, context)

    processor = CLIPImageProcessorPil.from_pretrained(folder)
    picture = Image.open(pictures / PICTURE)
    preprocessed = processor(picture, return_tensors="pt")["pixel_values"].float()
    pixels = some_pixels(preprocessed, seed)
    text = torch.cat([model.get_text_features(torch.tensor([row])).pooler_output for row in ids])
    image = model.get_image_features(pixels).pooler_output
    keep(folder, pixels, preprocessed, ids, image, text, model.logit_scale)


def padded(rows, pad):
    """What BERT's own libraries run: ids of the same length, and a mask."""
    longest = max(map(len, rows))
    ids = torch.tensor([row + [pad] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    return {"input_ids": ids, "attention_mask": mask}


def load(kind, folder):
    model, report = kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager",
                                         output_loading_info=True)
    assert not report["missing_keys"] and not report["mismatched_keys"], report
    return model.eval()


@torch.inference_mode()
def chinese_clip(folder, pictures, seed):
    model = load(ChineseCLIPModel, folder)
    tokenizer = BertTokenizer.from_pretrained(folder)
    ids = tokenize(tokenizer, model.config.text_config.max_position_embeddings)
    processor = ChineseCLIPImageProcessorPil.from_pretrained(folder)
    picture = Image.open(pictures / PICTURE)
    preprocessed = processor(picture, return_tensors="pt")["pixel_values"].float()
    pixels = some_pixels(preprocessed, seed)
    text = model.get_text_features(**padded(ids, tokenizer.pad_token_id)).pooler_output
    image = model.get_image_features(pixels).pooler_output
    keep(folder, pixels, preprocessed, ids, image, text, model.logit_scale)


@torch.inference_mode()
def metaclip2(folder, pictures, seed):
    """One text spells out a text's end."""
    model = load(MetaClip2Model, folder)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    texts = [*TEXTS[:2], "two dogs</s> and a cat", *TEXTS[2:]]
    ids = tokenize(tokenizer, model.config.text_config.max_position_embeddings, texts)
    assert ids[2].count(tokenizer.eos_token_id) == 2
    processor = CLIPImageProcessorPil.from_pretrained(folder)
    preprocessed = processor(Image.open(pictures / PICTURE),
                             return_tensors="pt")["pixel_values"].float()
    pixels = some_pixels(preprocessed, seed)
    text = model.get_text_features(**padded(ids, tokenizer.pad_token_id)).pooler_output
    image = model.get_image_features(pixels).pooler_output
    keep(folder, pixels, preprocessed, ids, image, text, model.logit_scale, texts=texts)


def siglip_texts(folder, model):
    """Texts are filled up to the context, and every token sees the padding. SigLIP 2's texts are
    lower case, as its own tokenizer's class, which the published files do not name, has them."""
    context = model.config.text_config.max_position_embeddings
    kind = SiglipTokenizer if (folder / "spiece.model").exists() else Siglip2Tokenizer
    tokenizer = kind.from_pretrained(folder)
    ids = [tokenizer(text, truncation=True, max_length=context)["input_ids"] for text in TEXTS]
    assert len(ids[-1]) == context and len(ids[1]) == 1 and ids[0][-1] == tokenizer.eos_token_id
    tokens = torch.tensor([row + [tokenizer.pad_token_id] * (context - len(row)) for row in ids])
    return ids, model.get_text_features(tokens).pooler_output


@torch.inference_mode()
def siglip(folder, pictures, seed):
    model = load(SiglipModel, folder)
    ids, texts = siglip_texts(folder, model)
    processor = SiglipImageProcessorPil.from_pretrained(folder)
    picture = Image.open(pictures / PICTURE)
    preprocessed = processor(picture, return_tensors="pt")["pixel_values"].float()
    pixels = some_pixels(preprocessed, seed)
    keep(folder, pixels, preprocessed, ids, model.get_image_features(pixels).pooler_output, texts,
         model.logit_scale, logit_bias=float(model.logit_bias))


@torch.inference_mode()
def siglip2_naflex(folder, pictures, seed):
    """Parts of the picture in several proportions, and noise in others."""
    model = load(Siglip2Model, folder)
    ids, texts = siglip_texts(folder, model)
    processor = Siglip2ImageProcessorPil.from_pretrained(folder)
    picture = Image.open(pictures / PICTURE)
    boxes = [None, (0, 0, 91, 20), (30, 0, 43, 67), (20, 10, 60, 50), (0, 0, 5, 3), (10, 30, 90, 31)]
    seen = [processor(picture.crop(box) if box else picture, return_tensors="pt") for box in boxes]
    pixels = naflex.pack(seen)
    noise = naflex.noise(processor, [(1, 1), (1, processor.max_num_patches), (3, 5)], seed)
    pixels = torch.cat([pixels, noise])
    image = model.get_image_features(**naflex.unpack(pixels)).pooler_output
    keep(folder, pixels, pixels[:1], ids, image, texts, model.logit_scale,
         logit_bias=float(model.logit_bias))


@torch.inference_mode()
def encode_sentences(folder, kind, tokenizer_kind):
    """A model and what sentence-transformers' modules do with its tokens."""
    model = load(kind, folder)
    tokenizer = tokenizer_kind.from_pretrained(folder)
    limit = json.loads((folder / "sentence_bert_config.json").read_text("utf-8"))["max_seq_length"]
    if kind in (RobertaModel, XLMRobertaModel):
        limit = min(limit, model.config.max_position_embeddings - model.config.pad_token_id - 1)
    pooling = json.loads((folder / "1_Pooling" / "config.json").read_text("utf-8"))
    ids = tokenize(tokenizer, limit)
    batch = padded(ids, tokenizer.pad_token_id)
    tokens = model(**batch).last_hidden_state
    mask = batch["attention_mask"][..., None].float()
    mean = (tokens * mask).sum(axis=1) / mask.sum(axis=1)
    keep_texts(folder, ids, (tokens[:, 0] if pooling["pooling_mode_cls_token"] else mean).numpy())


def sentence_encoder(folder, pictures, seed):
    del pictures, seed
    encode_sentences(folder, BertModel, BertTokenizer)


def bert_pieces(folder, pictures, seed):
    del pictures, seed
    encode_sentences(folder, BertModel, PreTrainedTokenizerFast)


def xlm_roberta(folder, pictures, seed):
    del pictures, seed
    encode_sentences(folder, XLMRobertaModel, PreTrainedTokenizerFast)


def roberta(folder, pictures, seed):
    del pictures, seed
    encode_sentences(folder, RobertaModel, RobertaTokenizer)


def open_with_openclip(folder):
    name = f"local-dir:{folder}"
    model, preprocess = open_clip.create_model_from_pretrained(name, precision="fp32")
    return model.eval(), preprocess, open_clip.get_tokenizer(name)


@torch.inference_mode()
def openclip(folder, pictures, seed, texts=TEXTS):
    model, preprocess, tokenizer = open_with_openclip(folder)
    if (folder / "vocab.json").exists():
        vocabulary, merges = golden_vocabulary.build()
    else:
        vocabulary, merges = golden_vocabulary.builtin()
    ids = tokenize(CLIPTokenizer(vocab=vocabulary, merges=merges), tokenizer.context_length,
                   texts)
    tokens = torch.zeros(len(ids), tokenizer.context_length, dtype=torch.long)
    for row, known, text in zip(tokens, ids, texts):
        row[:len(known)] = torch.tensor(known)
        # OpenCLIP's own tokenizer spells the special tokens otherwise, and cleans HTML.
        assert "<|" in text or tokenizer(text)[0, :len(known)].tolist() == known, text

    picture = Image.open(pictures / PICTURE)
    preprocessed = preprocess(picture)[None]
    pixels = some_pixels(preprocessed, seed)
    # CoCa's would be of unit length.
    keep(folder, pixels, preprocessed, ids, model.encode_image(pixels, normalize=False),
         model.encode_text(tokens, normalize=False), model.logit_scale, texts=texts)


def coca(folder, pictures, seed):
    """With the padding's id, that of "!", in the midst of texts, and one that leaves room for one
    token of padding."""
    vocabulary, merges = golden_vocabulary.build()
    context = open_clip.get_tokenizer(f"local-dir:{folder}").context_length
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=merges)
    short = TEXTS[-1]
    while len(tokenizer(short)["input_ids"]) >= context:
        short = short[:-1]
    assert len(tokenizer(short)["input_ids"]) == context - 1
    marks = "dogs !# !! and !?# cats"
    assert tokenizer(marks)["input_ids"].count(0) >= 2
    openclip(folder, pictures, seed, [*TEXTS[:2], marks, short, *TEXTS[2:]])


def clean(text):
    """What open_clip does to SigLIP's texts, without ftfy's repairs and HTML's entities."""
    return open_clip.tokenizer.canonicalize_text(text.strip())


def siglip_ids(tokenizer, text):
    """open_clip's HFTokenizer, up to the padding."""
    ids = tokenizer.tokenizer(clean(text), truncation=True,
                              max_length=tokenizer.context_length)["input_ids"]
    if open_clip.tokenizer.basic_clean(text) == text.strip():
        padding = tokenizer.context_length - len(ids)
        assert tokenizer(text)[0].tolist() == ids + padding * [tokenizer.tokenizer.pad_token_id]
    return ids


@torch.inference_mode()
def openclip_pieces(folder, pictures, seed):
    """SigLIP and MetaCLIP 2."""
    model, preprocess, tokenizer = open_with_openclip(folder)
    context, pad = tokenizer.context_length, tokenizer.tokenizer.pad_token_id
    ids = [siglip_ids(tokenizer, text) for text in TEXTS]
    assert len(ids[-1]) == context and len(ids[1]) == 1
    tokens = torch.tensor([row + [pad] * (context - len(row)) for row in ids])
    preprocessed = preprocess(Image.open(pictures / PICTURE))[None]
    pixels = some_pixels(preprocessed, seed)
    bias = {} if model.logit_bias is None else {"logit_bias": float(model.logit_bias)}
    keep(folder, pixels, preprocessed, ids, model.encode_image(pixels), model.encode_text(tokens),
         model.logit_scale, **bias)


@torch.inference_mode()
def openclip_roberta(folder, pictures, seed):
    model, preprocess, tokenizer = open_with_openclip(folder)
    context = tokenizer.context_length
    pad = tokenizer.tokenizer.pad_token_id
    # The padding's token is masked, also where a text spells it out.
    texts = [*TEXTS[:2], "red <pad> dogs<pad><pad>, 3 trees<pad>!<pad>",
             *TEXTS[2:]]
    ids = [tokenizer.tokenizer(" ".join(text.split()), truncation=True,
                               max_length=context)["input_ids"] for text in texts]
    assert len(ids[-1]) == context and len(ids[1]) == 2 and ids[2].count(pad) == 5
    tokens = torch.tensor([row + [pad] * (context - len(row)) for row in ids])
    for row, text in zip(tokens, texts):
        # ftfy's repairs and HTML's entities are left to the caller.
        if open_clip.tokenizer.basic_clean(text) == text.strip():
            assert tokenizer(text)[0].tolist() == row.tolist(), text
    preprocessed = preprocess(Image.open(pictures / PICTURE))[None]
    pixels = some_pixels(preprocessed, seed)
    # CoCa's would be of unit length.
    keep(folder, pixels, preprocessed, ids, model.encode_image(pixels, normalize=False),
         model.encode_text(tokens, normalize=False), model.logit_scale, texts=texts)


@torch.inference_mode()
def openai(folder, file, pictures, seed):
    """open_clip's loader of OpenAI's archives, which is OpenAI's own build_model."""
    model = open_clip.load_openai_model(str(folder / file), precision="fp32", device="cpu").eval()
    size = model.visual.image_size
    preprocess = open_clip.image_transform(
        size[0] if isinstance(size, tuple) else size, is_train=False)
    vocabulary, merges = golden_vocabulary.build()
    context = model.context_length
    ids = tokenize(CLIPTokenizer(vocab=vocabulary, merges=merges), context)
    tokens = torch.zeros(len(ids), context, dtype=torch.long)
    for row, known in zip(tokens, ids):
        row[:len(known)] = torch.tensor(known)
    preprocessed = preprocess(Image.open(pictures / PICTURE))[None]
    pixels = some_pixels(preprocessed, seed)
    keep(folder, pixels, preprocessed, ids, model.encode_image(pixels),
         model.encode_text(tokens), model.logit_scale)
