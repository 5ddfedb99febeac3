# SPDX-License-Identifier: Apache-2.0
"""PyTorch in fp32 with transformers' CLIPModel. Texts are padded to the longest of the batch and
tokenized beforehand, both of which is to PyTorch's advantage."""

import sys

import torch
from transformers import CLIPModel, CLIPTokenizer
from transformers.utils import logging

import peer_loop


def main(model_dir, threads):
    torch.set_num_threads(int(threads))
    logging.disable_progress_bar()
    model = CLIPModel.from_pretrained(model_dir, dtype=torch.float32).eval()
    tokenizer = CLIPTokenizer.from_pretrained(model_dir)
    size = model.config.vision_config.image_size

    def prepare(tower, batch):
        if tower == "image":
            pixels = torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(1))
            inputs, embed = {"pixel_values": pixels}, model.get_image_features
        else:
            inputs = tokenizer(peer_loop.prompts(batch), padding=True, return_tensors="pt")
            embed = model.get_text_features

        @torch.inference_mode()
        def run():
            embed(**inputs)

        return run

    peer_loop.serve(f"PyTorch {torch.__version__}", prepare)


if __name__ == "__main__":
    main(*sys.argv[1:])
