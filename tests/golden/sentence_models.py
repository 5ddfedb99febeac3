# SPDX-License-Identifier: Apache-2.0
"""Tiny sentence encoders, as sentence-transformers publishes them, for make_models.py."""

import torch
from transformers import (BertConfig, BertModel, BertTokenizer, RobertaConfig, RobertaModel,
                          XLMRobertaConfig, XLMRobertaModel)

import golden_pieces
import golden_vocabulary
from golden_files import save_weights, write_json
from golden_weights import randomise


def sentence_encoder(folder, seed, kind, config, limit, pooling, dtype):
    """A model as sentence-transformers publishes its encoders."""
    positions = config.max_position_embeddings
    model = randomise(kind(config), seed, 1)
    config.architectures = [kind.__name__]
    config.save_pretrained(folder)
    tensors = model.state_dict() | {"embeddings.position_ids": torch.arange(positions)[None]}
    save_weights(folder / "model.safetensors", tensors, dtype)
    write_json(folder / "sentence_bert_config.json",
               {"max_seq_length": limit, "do_lower_case": False})
    write_json(folder / "modules.json", [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "name": "2", "path": "2_Normalize",
         "type": "sentence_transformers.models.Normalize"}])
    (folder / "1_Pooling").mkdir()
    write_json(folder / "1_Pooling" / "config.json", {
        "word_embedding_dimension": 32, "pooling_mode_cls_token": pooling == "cls",
        "pooling_mode_mean_tokens": pooling == "mean", "pooling_mode_max_tokens": False,
        "pooling_mode_mean_sqrt_len_tokens": False})


def bert(folder, seed, layers, positions, limit, pooling, dtype):
    """BertModel with BERT's own tokenizer."""
    vocabulary = golden_vocabulary.wordpiece()
    config = BertConfig(vocab_size=len(vocabulary), hidden_size=32, intermediate_size=72,
                        num_hidden_layers=layers, num_attention_heads=4,
                        max_position_embeddings=positions)
    sentence_encoder(folder, seed, BertModel, config, limit, pooling, dtype)
    return vocabulary


def hf_bert_mean(folder):
    """The mean of the tokens; a cased tokenizer in tokenizer.json alone, as transformers 5 saves."""
    vocabulary = bert(folder, 20, 2, 40, 30, "mean", torch.float32)
    BertTokenizer(vocab=vocabulary, do_lower_case=False).save_pretrained(folder)


def hf_bert_first(folder):
    """The first token of one layer; vocab.txt with its options, in half precision."""
    golden_vocabulary.save_wordpiece(
        folder, bert(folder, 21, 1, 32, 32, "cls", torch.float16))
    write_json(folder / "tokenizer_config.json", {
        "do_lower_case": True, "unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]",
        "cls_token": "[CLS]", "mask_token": "[MASK]", "tokenize_chinese_chars": True,
        "strip_accents": None, "do_basic_tokenize": True, "never_split": None,
        "tokenizer_class": "BertTokenizer", "model_max_length": 512})


def hf_xlm_roberta_mean(folder):
    """XLMRobertaModel, whose texts begin at the third position; a tokenizer of its newer form."""
    tokens = golden_pieces.save_xlm_roberta(folder, golden_pieces.xlm_roberta_pieces(), old=False)
    config = XLMRobertaConfig(vocab_size=tokens, hidden_size=32, intermediate_size=72,
                              num_hidden_layers=2, num_attention_heads=4, type_vocab_size=1,
                              max_position_embeddings=42, layer_norm_eps=1e-5, pad_token_id=1,
                              bos_token_id=0, eos_token_id=2)
    sentence_encoder(folder, 25, XLMRobertaModel, config, 128, "mean", torch.float16)


def hf_roberta_mean(folder):
    """RobertaModel with vocab.json and merges.txt: all-distilroberta-v1."""
    tokens = golden_pieces.save_roberta_files(folder, *golden_pieces.merged_bytes())
    config = RobertaConfig(vocab_size=tokens, hidden_size=32, intermediate_size=72,
                           num_hidden_layers=1, num_attention_heads=4, type_vocab_size=1,
                           max_position_embeddings=42, layer_norm_eps=1e-5, pad_token_id=1,
                           bos_token_id=0, eos_token_id=2)
    sentence_encoder(folder, 31, RobertaModel, config, 128, "mean", torch.float16)


def hf_bert_pieces(folder):
    """BertModel with XLM-RoBERTa's tokenizer: paraphrase-multilingual-MiniLM-L12-v2."""
    tokens = golden_pieces.save_xlm_roberta(folder, golden_pieces.xlm_roberta_pieces())
    config = BertConfig(vocab_size=tokens + 35, hidden_size=32, intermediate_size=72,
                        num_hidden_layers=1, num_attention_heads=4, max_position_embeddings=40)
    sentence_encoder(folder, 26, BertModel, config, 32, "mean", torch.float16)
