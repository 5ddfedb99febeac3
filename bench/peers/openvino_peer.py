# SPDX-License-Identifier: Apache-2.0
"""OpenVINO: fp32, bf16 by INFERENCE_PRECISION_HINT, int8 by NNCF's post-training quantisation with
photographs (or prompts). Compiled for each batch size, for least latency, one stream."""

import functools
from pathlib import Path

import numpy as np
import openvino

import peer_loop
from onnx_export import export, exported

CALIBRATION_ITEMS = 32
# What is not int8 in an int8 model is left to OpenVINO, which takes bf16 where the CPU has it.
HINTS = {"fp32": {"INFERENCE_PRECISION_HINT": "f32"}, "bf16": {"INFERENCE_PRECISION_HINT": "bf16"},
         "int8": {}}
# Models whose fp32 OpenVINO crashes on when it has converted them from PyTorch itself.
BY_ONNX = {"r50-vit-b-16"}
MODEL = "model.xml"


def converted(job, precision):
    return Path(job["folder"]) / "openvino" / f"{job['tower']}-{precision}"


def by_onnx(job):
    return job["precision"] == "fp32" and Path(job["folder"]).name in BY_ONNX


def prepare(job):
    if by_onnx(job):
        export(job)
        return
    full = converted(job, "fp32")
    if not full.exists():
        import torch

        import towers

        torch.backends.mha.set_fastpath_enabled(False)
        with torch.inference_mode():
            model = openvino.convert_model(towers.load(job), example_input=towers.example(job))
        with peer_loop.new_folder(full) as folder:
            openvino.save_model(model, folder / MODEL, compress_to_fp16=False)
    quantised = converted(job, "int8")
    if job["precision"] == "int8" and not quantised.exists():
        import nncf

        inputs = peer_loop.Inputs(job)
        items = (inputs.pixels(CALIBRATION_ITEMS) if job["tower"] == "image" else
                 np.load(inputs.folder / "tokens-1.npy")[:CALIBRATION_ITEMS])
        model = nncf.quantize(
            openvino.Core().read_model(full / MODEL), nncf.Dataset(np.split(items, len(items))),
            model_type=nncf.ModelType.TRANSFORMER, subset_size=len(items))
        with peer_loop.new_folder(quantised) as folder:
            openvino.save_model(model, folder / MODEL, compress_to_fp16=False)


def load(job):
    core = openvino.Core()
    precision = job["precision"]
    path = converted(job, "int8" if precision == "int8" else "fp32") / MODEL
    if by_onnx(job):
        path = exported(job, "fp32")
    settings = {"INFERENCE_NUM_THREADS": job["threads"], "NUM_STREAMS": 1,
                "PERFORMANCE_HINT": "LATENCY"} | HINTS[precision]

    @functools.lru_cache(maxsize=1)  # the rounds of a case ask for the same shape
    def embedder(shape):
        model = core.read_model(path)
        model.reshape(list(shape))
        request = core.compile_model(model, "CPU", settings).create_infer_request()

        def embed(batch):
            return request.infer([batch], share_inputs=True)[0]

        return embed

    return embedder


if __name__ == "__main__":
    peer_loop.main(f"OpenVINO {openvino.__version__.split('-')[0]}", prepare, load)
