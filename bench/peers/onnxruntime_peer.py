# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime on its CPU provider: fp32, and int8 by dynamic quantisation of the matrix products."""

import onnxruntime

import peer_loop
from onnx_export import export, exported


def prepare(job):
    export(job)
    quantised = exported(job, "int8")
    if job["precision"] == "int8" and not quantised.exists():
        import onnx
        from onnxruntime.quantization import QuantType, quantize_dynamic

        model = onnx.load(exported(job, "fp32"))
        # The exporter leaves the shapes that weights had before it transposed them.
        del model.graph.value_info[:]
        with peer_loop.new_folder(quantised.parent) as folder:
            quantize_dynamic(model, folder / quantised.name, op_types_to_quantize=["MatMul", "Gemm"],
                             weight_type=QuantType.QInt8, use_external_data_format=True)


def load(job):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = job["threads"]
    session = onnxruntime.InferenceSession(exported(job, job["precision"]), options,
                                           providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def embedder(shape):
        return lambda batch: session.run(None, {name: batch})[0]

    return embedder


if __name__ == "__main__":
    peer_loop.main(f"ONNX Runtime {onnxruntime.__version__}", prepare, load)
