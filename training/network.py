"""The network is OpenCLIP's own; these are the same computations, cheaper to train with.

The attention pool asks only for the token that is used and takes any picture size; captions are cut to the longest.
"""
import json

import torch
import torch.nn.functional as F
from open_clip.model import CLIP
from torch.nn.attention import SDPBackend, sdpa_kernel

from captions import HERE

CONFIG = json.loads((HERE / "config.json").read_text())


def build():
    cfg = CONFIG["model_cfg"]
    model = CLIP(cfg["embed_dim"], cfg["vision_cfg"], cfg["text_cfg"])
    for module in model.modules():
        if isinstance(module, torch.nn.AvgPool2d):
            module.ceil_mode = True  # keeps the border when training at 48 pixels; multiples of 32 do not differ
    return model


def attention_pool(pool, x):
    n, c, h, w = x.shape
    tokens = x.flatten(2).transpose(1, 2)
    tokens = torch.cat([tokens.mean(1, keepdim=True), tokens], 1)
    place = pool.positional_embedding
    side = round((len(place) - 1) ** 0.5)
    if (h, w) != (side, side):
        cells = place[1:].T.reshape(1, c, side, side)
        cells = F.interpolate(cells, (h, w), mode="bilinear", align_corners=True)
        place = torch.cat([place[:1], cells.reshape(c, h * w).T])
    tokens = tokens + place.to(tokens.dtype)
    heads = lambda t: t.reshape(n, -1, pool.num_heads, c // pool.num_heads)
    query, key, value = (heads(t) for t in (pool.q_proj(tokens[:, :1]), pool.k_proj(tokens), pool.v_proj(tokens)))
    score = (query * key).sum(-1, keepdim=True) * query.shape[-1] ** -0.5
    return pool.c_proj((score.softmax(1).to(value.dtype) * value).sum(1).reshape(n, c))


def encode_image(model, x):
    v = model.visual
    x = v.layer4(v.layer3(v.layer2(v.layer1(v.stem(x)))))
    return F.normalize(attention_pool(v.attnpool, x).float(), dim=-1)


def encode_text(model, ids, parts=3):
    """In parts of similar length, so that a name alone does not pay for the longest sentence."""
    order = ids.argmax(-1).argsort()
    found = []
    for part in order.chunk(parts):
        ends = ids[part].argmax(-1)
        length = int(ends.max()) + 1
        x = model.token_embedding(ids[part, :length]) + model.positional_embedding[:length]
        with sdpa_kernel(SDPBackend.MATH):
            x = model.transformer(x, attn_mask=model.attn_mask[:length, :length])
        found.append(model.ln_final(x)[torch.arange(len(part)), ends] @ model.text_projection)
    return F.normalize(torch.cat(found)[order.argsort()].float(), dim=-1)


class Texts:
    """Strings -> ids with the tokenizer files of a directory, cut to the longest (at most the context)."""

    def __init__(self, directory):
        from tokenizers import Tokenizer
        self.tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self.end = self.tokenizer.token_to_id("<|endoftext|>")
        self.tokenizer.enable_truncation(CONFIG["model_cfg"]["text_cfg"]["context_length"])
        self.tokenizer.enable_padding(pad_id=self.end, pad_token="<|endoftext|>")

    def __call__(self, texts):
        return torch.tensor([e.ids for e in self.tokenizer.encode_batch(texts)])
