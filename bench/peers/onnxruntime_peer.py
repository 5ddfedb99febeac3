# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime on its CPU provider: fp32, and int8 by dynamic quantisation of the matrix products."""

from pathlib import Path

import onnxruntime

import peer_loop


MODEL = "model.onnx"


def exported(job, precision):
    return Path(job["folder"]) / "onnx" / f"{job['tower']}-{precision}"


def prepare(job):
    full = exported(job, "fp32")
    if not full.exists():
        import torch

        import towers

        torch.backends.mha.set_fastpath_enabled(False)
        batch = torch.export.Dim("batch", min=1, max=1024)
        with peer_loop.new_folder(full) as folder, torch.inference_mode():
            torch.onnx.export(
                towers.load(job), (towers.example(job),), folder / MODEL, dynamo=True,
                external_data=True, input_names=["inputs"], dynamic_shapes=({0: batch},),
                verbose=False)
    quantised = exported(job, "int8")
    if job["precision"] == "int8" and not quantised.exists():
        import onnx
        from onnxruntime.quantization import QuantType, quantize_dynamic

        model = onnx.load(full / MODEL)
        # The exporter leaves the shapes that weights had before it transposed them.
        del model.graph.value_info[:]
        with peer_loop.new_folder(quantised) as folder:
            quantize_dynamic(model, folder / MODEL, op_types_to_quantize=["MatMul", "Gemm"],
                             weight_type=QuantType.QInt8, use_external_data_format=True)


def load(job):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job["threads"]
    session = onnxruntime.InferenceSession(exported(job, job["precision"]) / MODEL, options,
                                           providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def embedder(shape):
        return lambda batch: session.run(None, {name: batch})[0]

    return embedder


if __name__ == "__main__":
    peer_loop.main(f"ONNX Runtime {onnxruntime.__version__}", prepare, load)
