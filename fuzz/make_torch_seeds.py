#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes corpus/torch_zip and corpus/pickle: checkpoints of one small layer, as torch.save and
torch.jit.save make them, their pickles, and hostile ones.

    pip install -r tests/golden/requirements.txt && fuzz/make_torch_seeds.py
"""

import io
import os
import pickle
import sys
import warnings
import zipfile
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "golden"))
import torch_archive


class Hostile:
    def __reduce__(self):
        return os.system, ("true",)


def layer():
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 2, 2), torch.nn.BatchNorm2d(2)).eval()


def checkpoints():
    tensors = layer().state_dict()
    odd = {"view": torch.arange(6.0).reshape(2, 3).t(), "half": tensors["0.bias"].half(),
           "scalar": torch.tensor(2, dtype=torch.int64)}
    yield "state_dict", tensors
    yield "wrapped", {"epoch": 1, "lr": 0.5, "state_dict": {
        f"module.{name}": tensor for name, tensor in tensors.items()}}
    yield "views", odd
    yield "parameters", {"w": torch.nn.Parameter(torch.ones(2)), "none": None, "list": [1, (2,)]}


def archive(path):
    whole = path.with_suffix(".whole")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(layer(), torch.zeros(1, 3, 4, 4)), whole)
    torch_archive.without_debug(whole, path)
    whole.unlink()


def main():
    files, pickles = HERE / "corpus/torch_zip", HERE / "corpus/pickle"
    files.mkdir(parents=True, exist_ok=True)
    pickles.mkdir(parents=True, exist_ok=True)
    for name, value in checkpoints():
        torch.save(value, files / name)
    archive(files / "script")
    for path in sorted(files.iterdir()):
        with zipfile.ZipFile(path) as opened:
            name, = (name for name in opened.namelist() if name.endswith("/data.pkl"))
            (pickles / path.name).write_bytes(opened.read(name))
    (pickles / "system").write_bytes(pickle.dumps(Hostile(), protocol=2))
    (pickles / "protocol_4").write_bytes(pickle.dumps({"a": 1}, protocol=4))
    (pickles / "deep").write_bytes(b"\x80\x02" + b"(" * 5000)
    (pickles / "cycle").write_bytes(b"\x80\x02]q\0h\0a.")
    (pickles / "memo").write_bytes(b"\x80\x02}r\xff\xff\xff\xff.")
    compressed = io.BytesIO()
    with zipfile.ZipFile(compressed, "w", zipfile.ZIP_DEFLATED) as written:
        written.writestr("top/data.pkl", b"\x80\x02}." + bytes(1000))
    (files / "compressed").write_bytes(compressed.getvalue())
    (files / "cut").write_bytes((files / "state_dict").read_bytes()[:1000])


if __name__ == "__main__":
    main()
