# SPDX-License-Identifier: Apache-2.0
"""Transformers' text towers of OpenCLIP without a download: all that their names stand for but the
sizes, and tiny ones."""

from contextlib import contextmanager
from unittest import mock

from transformers import AutoModel, RobertaConfig, XLMRobertaConfig

# Heads are as wide as published.
SIZES = {
    "xlm-roberta-base": {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
                         "num_attention_heads": 1, "max_position_embeddings": 84},
    "xlm-roberta-large": {"hidden_size": 128, "intermediate_size": 72, "num_hidden_layers": 1,
                          "num_attention_heads": 2, "max_position_embeddings": 22},
    "roberta-base": {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2,
                     "num_attention_heads": 1, "max_position_embeddings": 84},
}


@contextmanager
def tiny(sizes=None):
    """While it lasts, OpenCLIP gets transformers' models in these sizes: it would fetch config.json,
    and weights, from Hugging Face. What is no size is of the published files."""
    sizes = sizes or SIZES

    class Config:
        @staticmethod
        def from_pretrained(name):
            kind = XLMRobertaConfig if name.startswith("xlm") else RobertaConfig
            return kind(**sizes[name], layer_norm_eps=1e-5, type_vocab_size=1, pad_token_id=1,
                        bos_token_id=0, eos_token_id=2, attn_implementation="eager")

    class Model:
        from_config = AutoModel.from_config

        @staticmethod
        def from_pretrained(name, **options):
            return AutoModel.from_config(Config.from_pretrained(name), **options)

    with mock.patch.multiple("open_clip.hf_model", AutoConfig=Config, AutoModel=Model):
        yield
