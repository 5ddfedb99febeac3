# SPDX-License-Identifier: Apache-2.0
"""How the files of the tiny models are written."""

import json

from safetensors.torch import save_file


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n", "utf-8")


def save_weights(folder, tensors, dtype):
    tensors = {name: (tensor.to(dtype) if tensor.is_floating_point() else tensor).contiguous()
               for name, tensor in tensors.items()}
    save_file(tensors, folder, metadata={"format": "pt"})
