# SPDX-License-Identifier: Apache-2.0
"""Small vocabularies of SigLIP's, SigLIP 2's, XLM-RoBERTa's and RoBERTa's kinds, trained on a few
sentences."""

import io
import json
import tempfile
from collections import Counter

import sentencepiece
from golden_vocabulary import SENTENCES
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers,
                        pre_tokenizers, processors, trainers)

PIECES = 300
SPECIAL = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
SENTENCE_LIST = [*SENTENCES.strip().splitlines(), *" . ".join(SENTENCES.split()).split(" . ")]

# Normalisation rules of a few lines: what maps, to what; for a tokenizer.json that stays small.
RULES = [("ﬁ", "fi"), ("①", "1"), ("e\u0301", "é"), ("\u212b", "å"), ("\u200b", " "), ("\u00ad", ""),
         ("\uff71", "ア"), ("\uff76\uff9e", "ガ"), ("\uff76", "カ"), ("½", "1/2"), ("\u3000", " "),
         ("Ⅷ", "viii"), ("\u1100\u1161", "가")]


def spiece(sentences=SENTENCE_LIST, pieces=PIECES, **options):
    """SentencePiece's own file, with T5's and SigLIP's numbers of the special tokens."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences), model_writer=model, vocab_size=pieces,
        model_type="unigram", pad_id=0, eos_id=1, unk_id=2, bos_id=-1, hard_vocab_limit=False,
        num_threads=1, minloglevel=2, **options)
    return model.getvalue()


def spiece_of_rules(sentences, pieces):
    """The same with RULES alone."""
    with tempfile.NamedTemporaryFile("w", suffix=".tsv", encoding="utf-8") as file:
        for source, to in sorted(RULES):
            file.write(" ".join(f"{ord(c):X}" for c in source) + "\t"
                       + " ".join(f"{ord(c):X}" for c in to) + "\n")
        file.flush()
        return spiece(sentences, pieces, normalization_rule_tsv=file.name)


def save_spiece(folder, model):
    """As google/siglip-* has it."""
    (folder / "spiece.model").write_bytes(model)
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "added_tokens_decoder": {str(number): {
            "content": content, "lstrip": True, "normalized": False, "rstrip": True,
            "single_word": False, "special": True} for number, content in ((1, "</s>"), (2, "<unk>"))},
        "additional_special_tokens": [], "clean_up_tokenization_spaces": True,
        "do_lower_case": True, "eos_token": "</s>", "model_input_names": ["input_ids"],
        "model_max_length": 64, "pad_token": "</s>", "processor_class": "SiglipProcessor",
        "sp_model_kwargs": {}, "tokenizer_class": "SiglipTokenizer", "unk_token": "<unk>"},
        indent=2) + "\n", "utf-8")


def unigram_json(model):
    """The same as tokenizer.json, as conversions of SiglipTokenizer to tokenizers have it."""
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto.FromString(model)
    tokenizer = Tokenizer(models.Unigram([(p.piece, p.score) for p in proto.pieces], unk_id=2))
    charsmap = proto.normalizer_spec.precompiled_charsmap
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Lowercase(),
        normalizers.Replace(Regex(r"""[!"\#\$%\&'\(\)\*\+,\-\./:;<=>\?@\[\\\]\^_`\{\|\}\~]"""), ""),
        normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip(),
        *([normalizers.Precompiled(charsmap)] if charsmap else []),
        normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.add_special_tokens([
        AddedToken(content, lstrip=True, rstrip=True, normalized=False, special=True)
        for content in ("</s>", "<unk>")])
    return tokenizer


def save_t5(folder, model):
    """As timm/*-SigLIP has it: SentencePiece's model as conversions of T5Tokenizer have it."""
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto.FromString(model)
    tokenizer = Tokenizer(models.Unigram([(p.piece, p.score) for p in proto.pieces], unk_id=2))
    charsmap = proto.normalizer_spec.precompiled_charsmap
    tokenizer.normalizer = normalizers.Sequence([
        *([normalizers.Precompiled(charsmap)] if charsmap else []),
        normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), "▁")])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.WhitespaceSplit(),
        pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.add_special_tokens([AddedToken(content, normalized=False, special=True)
                                  for content in ("<pad>", "</s>", "<unk>")])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "additional_special_tokens": [], "clean_up_tokenization_spaces": True,
        "eos_token": "</s>", "extra_ids": 0, "model_max_length": 64, "pad_token": "</s>",
        "sp_model_kwargs": {}, "tokenizer_class": "T5Tokenizer", "unk_token": "<unk>"},
        indent=2) + "\n", "utf-8")
    return len(proto.pieces)


def xlm_roberta_pieces():
    """A few rules of nmt_nfkc, whose whole table has 240 kB."""
    return spiece_of_rules(SENTENCE_LIST, PIECES)


def save_xlm_roberta(folder, model, old=True, size=0):
    """As FacebookAI/xlm-roberta-* has it: fairseq's special tokens before SentencePiece's pieces.
    Not old: as sentence-transformers/paraphrase-multilingual-* have it, by newer conversions.
    Filled up to that size with words that no text has."""
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto.FromString(model)
    pieces = [(piece.piece, piece.score) for piece in proto.pieces if piece.type == 1]
    special = [(content, 0.0) for content in ("<s>", "<pad>", "</s>", "<unk>")]
    pieces += [(f"▁{number:06x}", -20.0) for number in range(size - len(pieces) - 5)]
    tokenizer = Tokenizer(models.Unigram([*special, *pieces, ("<mask>", 0.0)], unk_id=3))
    steps = [normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap)]
    space = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    if old:
        tokenizer.normalizer = steps[0]
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), space])
    else:
        tokenizer.normalizer = normalizers.Sequence(
            [*steps, normalizers.Replace(Regex(" {2,}"), " ")])
        tokenizer.pre_tokenizer = space
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>",
        special_tokens=[("<s>", 0), ("</s>", 2)])
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.add_special_tokens([AddedToken(content, normalized=False, special=True)
                                  for content, _ in special])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False, special=True)])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "bos_token": "<s>", "clean_up_tokenization_spaces": True, "cls_token": "<s>",
        "eos_token": "</s>", "mask_token": "<mask>", "model_max_length": 512, "pad_token": "<pad>",
        "sep_token": "</s>", "tokenizer_class": "XLMRobertaTokenizer" if old
        else "PreTrainedTokenizerFast", "unk_token": "<unk>"}, indent=2) + "\n", "utf-8")
    return len(pieces) + 5


ROBERTA_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]


def merged_bytes(sentences=SENTENCE_LIST, tokens=500):
    """A byte-pair vocabulary like RoBERTa's: fairseq's special tokens around GPT-2's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(sentences, trainers.BpeTrainer(
        vocab_size=tokens, initial_alphabet=alphabet, show_progress=False))
    model = json.loads(tokenizer.to_str())["model"]
    ordered = [*ROBERTA_SPECIAL, *sorted(model["vocab"], key=model["vocab"].get)]
    return {token: number for number, token in enumerate(ordered)}, model["merges"]


def save_roberta_config(folder, **more):
    mask = {"content": "<mask>", "lstrip": True, "normalized": False, "rstrip": False,
            "single_word": False}
    special = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "mask_token": mask,
               "pad_token": "<pad>", "sep_token": "</s>", "unk_token": "<unk>"}
    (folder / "special_tokens_map.json").write_text(json.dumps(special) + "\n", "utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "add_prefix_space": False, "errors": "replace", "model_max_length": 512,
        "tokenizer_class": "RobertaTokenizer", "trim_offsets": True} | more) + "\n", "utf-8")


def save_roberta_files(folder, vocabulary, merges):
    """As older conversions have it: vocab.json, with two of fairseq's words, and merges.txt."""
    vocabulary = vocabulary | {token: len(vocabulary) + number for number, token in enumerate(
        ("madeupword0000", "madeupword0001", "<mask>"))}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    (folder / "merges.txt").write_text(
        "#version: 0.2\n" + "".join(f"{left} {right}\n" for left, right in merges), "utf-8")
    save_roberta_config(folder)
    return len(vocabulary)


def save_roberta(folder, vocabulary, merges, size=0):
    """As FacebookAI/roberta-base has it, tokenizer.json; filled up to that size with words that no
    text has."""
    filled = [*vocabulary, *(f"madeupword{number:04}" for number in
                             range(size - len(vocabulary) - 1)), "<mask>"]
    added = [{"id": number, "special": True, "content": content, "single_word": False,
              "lstrip": content == "<mask>", "rstrip": False, "normalized": content != "<mask>"}
             for number, content in enumerate(filled) if content in (*ROBERTA_SPECIAL, "<mask>")]
    (folder / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True},
        "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0],
                           "trim_offsets": True, "add_prefix_space": False},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None,
                  "continuing_subword_prefix": "", "end_of_word_suffix": "", "fuse_unk": False,
                  "vocab": {token: number for number, token in enumerate(filled)},
                  "merges": [f"{left} {right}" for left, right in merges]}}) + "\n", "utf-8")
    save_roberta_config(folder)
    return len(filled)


def merged_pieces(merges=200):
    """A byte-pair vocabulary like Gemma's: special tokens, bytes, characters, what merges make."""
    words = Counter("▁" + word for line in SENTENCE_LIST for word in line.split())
    split = {word: [*word] for word in words}
    made = []
    while len(made) < merges:
        pairs = Counter()
        for word, count in words.items():
            for pair in zip(split[word], split[word][1:]):
                pairs[pair] += count
        if not pairs:
            break
        best = max(sorted(pairs), key=pairs.get)
        made.append(best)
        for word, symbols in split.items():
            at = 0
            while at + 1 < len(symbols):
                if (symbols[at], symbols[at + 1]) == best:
                    symbols[at:at + 2] = ["".join(best)]
                at += 1
    tokens = [*SPECIAL, "\n", "<table>", *(f"<0x{byte:02X}>" for byte in range(256)),
              *sorted({c for word in words for c in word} | set("éß猫犬")),
              *("".join(pair) for pair in made)]
    return {token: number for number, token in enumerate(dict.fromkeys(tokens))}, made


def save_gemma(folder):
    """As google/siglip2-* of fixed resolution has it: lower case is said, and done, by the
    configuration alone."""
    from transformers.models.siglip2.tokenization_siglip2 import Siglip2Tokenizer

    vocabulary, merges = merged_pieces()
    tokenizer = Siglip2Tokenizer(vocab=vocabulary, merges=merges, add_bos_token=False,
                                 add_eos_token=True)
    tokenizer.add_tokens([AddedToken(content, normalized=False, special=False)
                          for content in ("\n", "<table>")])
    tokenizer.save_pretrained(folder)
    path = folder / "tokenizer.json"
    saved = json.loads(path.read_text("utf-8"))
    saved["normalizer"] = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    path.write_text(json.dumps(saved, ensure_ascii=False, indent=1) + "\n", "utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "add_bos_token": False, "add_eos_token": True, "bos_token": "<bos>",
        "clean_up_tokenization_spaces": False, "do_lower_case": True, "eos_token": "<eos>",
        "model_input_names": ["input_ids"], "model_max_length": 64, "pad_token": "<pad>",
        "padding_side": "right", "processor_class": "SiglipProcessor", "sp_model_kwargs": {},
        "spaces_between_special_tokens": False, "tokenizer_class": "GemmaTokenizer",
        "unk_token": "<unk>", "use_default_system_prompt": False}, indent=2) + "\n", "utf-8")
    return tokenizer
