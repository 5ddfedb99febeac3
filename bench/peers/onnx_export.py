# SPDX-License-Identifier: Apache-2.0
"""The model as PyTorch exports it to ONNX, for the peers that read it."""

from pathlib import Path

import peer_loop


def exported(job, precision):
    return Path(job["folder"]) / "onnx" / f"{job['tower']}-{precision}" / "model.onnx"


def export(job):
    """Makes the fp32 model, unless it is there."""
    path = exported(job, "fp32")
    if path.exists():
        return
    import torch

    import towers

    torch.backends.mha.set_fastpath_enabled(False)
    batch = torch.export.Dim("batch", min=1, max=1024)
    with peer_loop.new_folder(path.parent) as folder, torch.inference_mode():
        torch.onnx.export(
            towers.load(job), (towers.example(job),), folder / path.name, dynamo=True,
            external_data=True, input_names=["inputs"], dynamic_shapes=({0: batch},),
            verbose=False)
