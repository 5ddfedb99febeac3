# SPDX-License-Identifier: Apache-2.0
"""TorchScript archives as OpenAI published them."""

import warnings

import torch


def without_debug(archive, path):
    """The archive without code/*.debug_pkl, which name files of the machine that made it."""
    reader = torch._C.PyTorchFileReader(str(archive))
    writer = torch._C.PyTorchFileWriter(str(path))
    for record in reader.get_all_records():
        if record.endswith(".debug_pkl") or record in ("version", "byteorder"):
            continue
        if record != ".data/serialization_id":
            content = reader.get_record(record)
            writer.write_record(record, content, len(content))
    writer.write_end_of_file()


def save(model, path):
    """An open_clip.CLIP, with the buffers that OpenAI's has, traced, in half precision but for what
    OpenAI's convert_weights leaves, and saved."""
    # A constant of the traced program, as in OpenAI's, and no buffer.
    vars(model)["attn_mask"] = model._buffers.pop("attn_mask")
    size, context = model.visual.image_size, model.context_length
    size = size[0] if isinstance(size, tuple) else size
    numbers = {"input_resolution": size, "context_length": context,
               "vocab_size": model.vocab_size}
    for name, value in numbers.items():
        vars(model).pop(name, None)  # open_clip has two of them as plain numbers
        model.register_buffer(name, torch.tensor(value))
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(model, (torch.zeros(1, 3, size, size),
                                         torch.zeros(1, context, dtype=torch.int64)), strict=False)
        for parameter, tensor in traced.named_parameters():
            if not any(part in parameter for part in ("ln_", "bn", "embedding", "logit_scale")):
                tensor.data = tensor.data.half()
        whole = path.with_suffix(".whole")
        torch.jit.save(traced, whole)
    without_debug(whole, path)
    whole.unlink()
