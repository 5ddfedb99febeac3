#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes corpus/engine: a whole engine of a tiny text tower, and image towers without their weights.

    fuzz/make_engine_seeds.py build/osprey
"""

import os
import struct
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE, HEADER, ENTRY = 4096, 32, struct.Struct("<24sQQQ")


def compile_engine(osprey, model, tower, *flags):
    path = HERE / "seed.osprey"
    subprocess.run([osprey, "compile", "-m", HERE.parent / "tests/golden/models" / model, "-o", path,
                    "--tower", tower, *flags], check=True, stdout=subprocess.DEVNULL,
                   env=os.environ | {"OSPREY_CPU": "portable"})
    engine = path.read_bytes()
    path.unlink()
    return engine


def without(engine, dropped):
    """The engine with these sections empty. Checksums stay wrong: the fuzzer mends them."""
    count, = struct.unpack_from("<I", engine, 12)
    body, table = b"", b""
    for i in range(count):
        name, offset, length, checksum = ENTRY.unpack_from(engine, HEADER + i * ENTRY.size)
        if name.rstrip(b"\0") in dropped:
            length = 0
        body += bytes(-len(body) % PAGE)
        table += ENTRY.pack(name, PAGE + len(body), length, checksum)
        body += engine[offset:offset + length]
    header = engine[:16] + struct.pack("<QQ", PAGE + len(body), 0) + table
    return header + bytes(PAGE - len(header)) + body


def main():
    osprey = sys.argv[1]
    corpus = HERE / "corpus/engine"
    corpus.mkdir(exist_ok=True)
    (corpus / "text").write_bytes(compile_engine(osprey, "openclip-vit-p16-gelu", "text", "--tune",
                                                 "quick", "--threads", "1"))
    for name, model in (("vit", "hf-vit-p32-quickgelu"), ("resnet", "openclip-rn"),
                        ("naflex", "hf-siglip2-naflex")):
        engine = compile_engine(osprey, model, "image")
        (corpus / name).write_bytes(without(engine, {b"image.weights"}))


if __name__ == "__main__":
    main()
