# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/images: small pictures of every kind, and what Pillow, transformers and
open_clip make of them.

    pip install -r tests/golden/requirements.txt
    OMP_NUM_THREADS=1 python tests/golden/make_image_golden.py

expect.json lists the cases; the results themselves lie one after the other in expect.bin.gz, each
at its "offset": 8-bit RGB rows for "decode", "resize" and "scaled", float32 planes for "preprocess",
float32 rows of patches for "patches".
"""

import gzip
import io
import json
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from open_clip.transform import image_transform
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.siglip2.image_processing_pil_siglip2 import Siglip2ImageProcessorPil

FOLDER = Path(__file__).resolve().parent / "images"
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
RANDOM = np.random.default_rng(20)


def picture(width, height):
    """Gradients in three directions, an edge, and noise."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1), (x * 7 + y * 3) % 256]
    pixels = np.stack(planes, -1) + RANDOM.integers(-25, 26, (height, width, 3))
    pixels[:, width // 2 :] = 255 - pixels[:, width // 2 :]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def encoded(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def exif(orientation, big_endian=False):
    order = ">" if big_endian else "<"
    entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    head = (b"MM" if big_endian else b"II") + struct.pack(order + "HIH", 42, 8, 1)
    return b"Exif\0\0" + head + entry + struct.pack(order + "I", 0)


def png_chunk(name, data):
    body = name + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def packed(samples, depth):
    """Rows of samples, most significant bit first, each with filter type 0 in front."""
    rows = []
    for row in samples.reshape(len(samples), -1):
        bits = "".join(format(int(value), f"0{depth}b") for value in row)
        bits += "0" * (-len(bits) % 8)
        rows.append(b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big"))
    return b"".join(rows)


ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
         (0, 1, 1, 2))


def png(samples, depth, colour, interlaced=False, chunks=b""):
    height, width = samples.shape[:2]
    if interlaced:
        parts = [samples[y::dy, x::dx] for x, y, dx, dy in ADAM7]
        data = b"".join(packed(part, depth) for part in parts if part.size)
    else:
        data = packed(samples, depth)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + chunks
            + png_chunk(b"IDAT", zlib.compress(data, 9)) + png_chunk(b"IEND", b""))


def png_files():
    kinds = {0: ("grey", 1, (1, 2, 4, 8, 16)), 2: ("rgb", 3, (8, 16)),
             3: ("palette", 1, (1, 2, 4, 8)), 4: ("grey_alpha", 2, (8, 16)),
             6: ("rgb_alpha", 4, (8, 16))}
    for colour, (name, channels, depths) in kinds.items():
        for depth in depths:
            high = 700 if (colour, depth) == (0, 16) else 2**depth
            samples = RANDOM.integers(0, high, (13, 19, channels))
            chunks = b""
            if colour == 3:
                entries = min(2**depth, 200)  # of 8 bits some indices lie behind the palette
                chunks = png_chunk(b"PLTE", RANDOM.bytes(3 * entries))
                chunks += png_chunk(b"tRNS", bytes(range(min(entries, 100))))
            elif colour in (0, 2):
                chunks = png_chunk(b"tRNS", struct.pack(f">{channels}H", *samples[0, 0]))
            for interlaced in (False, True):
                suffix = "_interlaced" if interlaced else ""
                yield f"{name}_{depth}{suffix}.png", png(samples, depth, colour, interlaced, chunks)


def jpeg_files(image):
    for name, options in {
        "444": {"subsampling": 0}, "422": {"subsampling": 1}, "420": {"subsampling": 2},
        "411": {"subsampling": "4:1:1"}, "progressive": {"progressive": True},
        "restart": {"restart_marker_blocks": 2}, "rgb": {"keep_rgb": True},
        "quality_20": {"quality": 20},
    }.items():
        yield f"{name}.jpg", encoded(image, "JPEG", **options)
    plain = encoded(image, "JPEG")
    yield "no_jfif.jpg", plain[:2] + plain[20:]
    yield "grey.jpg", encoded(image.convert("L"), "JPEG")
    yield "grey_progressive.jpg", encoded(image.convert("L"), "JPEG", progressive=True)
    cmyk = encoded(image.convert("CMYK"), "JPEG")
    yield "cmyk.jpg", cmyk
    yield "cmyk_progressive.jpg", encoded(image.convert("CMYK"), "JPEG", progressive=True)
    adobe = cmyk.index(b"Adobe")
    yield "ycck.jpg", cmyk[: adobe + 11] + b"\x02" + cmyk[adobe + 12 :]


def scan_bomb():
    """A progressive JPEG whose last scan comes 600 times; Pillow reads it, osprey refuses."""
    data = encoded(picture(8, 8), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * 600 + data[-2:]


def webp_files(image):
    alpha = image.convert("RGBA")
    alpha.putalpha(Image.fromarray(RANDOM.integers(0, 256, image.size[::-1], np.uint8)))
    for name, source in (("opaque", image), ("alpha", alpha)):
        yield f"lossy_{name}.webp", encoded(source, "WEBP", quality=60)
        yield f"lossless_{name}.webp", encoded(source, "WEBP", lossless=True)
    yield "lossless_exact.webp", encoded(alpha, "WEBP", lossless=True, exact=True)
    frames = {"save_all": True, "append_images": [ImageOps.invert(image), image.rotate(180)]}
    yield "animated.webp", encoded(image, "WEBP", quality=50, **frames)
    first = Image.new("RGBA", (41, 29))
    first.paste(alpha.resize((17, 9)), (11, 6))
    second = first.copy()
    second.paste(alpha.resize((5, 5)), (30, 20))
    yield "animated_part.webp", encoded(first, "WEBP", save_all=True, append_images=[second],
                                        lossless=True, minimize_size=True)


def riff_chunk(name, data):
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def small_first_frame():
    """An animation on 41 x 29 pixels whose first frame covers 12 x 8 of them, from (10, 6) on."""
    pixels = encoded(picture(12, 8), "WEBP", lossless=True)[12:]

    def sizes(*values):
        return b"".join(struct.pack("<I", value)[:3] for value in values)

    frame = riff_chunk(b"ANMF", sizes(10 // 2, 6 // 2, 12 - 1, 8 - 1, 100) + b"\0" + pixels)
    body = (b"WEBP" + riff_chunk(b"VP8X", b"\x02\0\0\0" + sizes(41 - 1, 29 - 1))
            + riff_chunk(b"ANIM", b"\xff\xff\xff\xff\0\0") + frame + frame)
    return riff_chunk(b"RIFF", body)


def upright_files():
    image = picture(9, 5)
    for orientation in range(1, 9):
        for big_endian in (False, True):
            data = exif(orientation, big_endian)
            name = f"exif_{orientation}_{'big' if big_endian else 'little'}"
            yield f"{name}.jpg", encoded(image, "JPEG", exif=data)
        yield f"exif_{orientation}.png", encoded(image, "PNG", exif=data)
        yield f"exif_{orientation}.webp", encoded(image, "WEBP", lossless=True, exif=data)


def files():
    yield from jpeg_files(picture(53, 37))
    yield from png_files()
    yield from webp_files(picture(53, 37))
    for width, height in ((1, 1), (1, 9), (9, 1), (17, 3), (16, 16)):
        image = picture(width, height)
        for kind, suffix in (("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp")):
            yield f"size_{width}x{height}.{suffix}", encoded(image, kind)
    yield from upright_files()
    yield "source.png", encoded(picture(61, 47), "PNG")
    yield "tall.png", encoded(picture(13, 90), "PNG")
    yield "wide.png", encoded(picture(90, 13), "PNG")
    yield "animated_small.webp", small_first_frame()


class Expectations:
    def __init__(self):
        kinds = ("decode", "resize", "preprocess", "scaled", "patches")
        self.cases, self.bytes = {kind: [] for kind in kinds}, bytearray()

    def add(self, kind, values, **case):
        self.cases[kind].append({**case, "offset": len(self.bytes)})
        self.bytes += np.ascontiguousarray(values).tobytes()

    def write(self):
        lines = {kind: ",\n".join(json.dumps(case) for case in cases)
                 for kind, cases in self.cases.items()}
        text = ",\n".join(f'"{kind}": [\n{rows}\n]' for kind, rows in lines.items())
        (FOLDER / "expect.json").write_text(f"{{\n{text}\n}}\n", "utf-8")
        with open(FOLDER / "expect.bin.gz", "wb") as raw:
            with gzip.GzipFile("", "wb", 9, raw, mtime=0) as out:
                out.write(self.bytes)


def opened(name):
    return Image.open(FOLDER / name)


def add_decodes(expect):
    for path in sorted(FOLDER.iterdir()):
        for ignore_exif in (False, True) if path.name.startswith("exif_") else (True,):
            image = Image.open(path)
            image = (image if ignore_exif else ImageOps.exif_transpose(image)).convert("RGB")
            expect.add("decode", image, file=path.name, ignore_exif=ignore_exif,
                       width=image.width, height=image.height)


def add_resizes(expect):
    sizes = {"source.png": ((31, 24), (20, 47), (61, 19), (7, 5), (1, 1), (90, 70), (64, 20)),
             "tall.png": ((11, 9), (26, 30), (13, 31), (5, 80)), "wide.png": ((9, 11), (45, 26), (179, 13)),
             "size_1x9.png": ((4, 3), (1, 20)), "size_9x1.png": ((3, 4), (20, 1)),
             "size_1x1.png": ((5, 3),)}
    for name, targets in sizes.items():
        for width, height in targets:
            for resample in (1, 2, 3, 4, 5):
                resized = opened(name).convert("RGB").resize((width, height), resample)
                expect.add("resize", resized, file=name, resample=resample, width=width,
                           height=height)


RESIZES = {"none": 0, "shortest": 1, "longest": 2, "exact": 3}  # osprey_resize
SOURCES = ("source.png", "tall.png", "wide.png", "size_1x9.png", "size_9x1.png")


def add_preprocess(expect, name, pixels, resize, size, crop, **fields):
    expect.add("preprocess", np.asarray(pixels, np.float32), file=name, resize=RESIZES[resize],
               resize_height=size[0], resize_width=size[1], crop_height=crop[0],
               crop_width=crop[1], **fields)


def add_transformers(expect):
    for name in SOURCES:
        for edge, crop, resample in ((24, (24, 24), 3), (16, (23, 14), 3), (20, (13, 20), 2)):
            processor = CLIPImageProcessorPil(
                size={"shortest_edge": edge}, resample=resample,
                crop_size={"height": crop[0], "width": crop[1]})
            pixels = processor(opened(name), return_tensors="np")["pixel_values"][0]
            add_preprocess(expect, name, pixels, "shortest", (edge, 0), crop, resample=resample,
                           center_crop=True, half_even=False, normalize=True, fill=0)
    processor = CLIPImageProcessorPil(do_resize=False, do_normalize=False,
                                      crop_size={"height": 21, "width": 40})
    pixels = processor(opened("tall.png"), return_tensors="np")["pixel_values"][0]
    add_preprocess(expect, "tall.png", pixels, "none", (0, 0), (21, 40), resample=3,
                   center_crop=True, half_even=False, normalize=False, fill=0)


def add_open_clip(expect):
    ours = {"shortest": "shortest", "longest": "longest", "squash": "exact"}
    for name in SOURCES:
        for mode, resize in ours.items():
            for size, interpolation in (((21, 21), "bicubic"), ((22, 17), "bicubic"),
                                        ((24, 24), "bilinear")):
                transform = image_transform(size, False, MEAN, STD, resize_mode=mode,
                                            interpolation=interpolation, fill_color=9)
                pixels = transform(opened(name)).numpy()
                add_preprocess(expect, name, pixels, resize, size, size,
                               resample=2 if interpolation == "bilinear" else 3,
                               center_crop=mode != "squash", half_even=True, normalize=True,
                               fill=9 if mode == "longest" else 0)


def add_patches(expect):
    for name in (*SOURCES, "size_1x1.png", "size_17x3.png", "size_16x16.png"):
        for patch_size, max_patches in ((4, 23), (3, 64), (16, 1), (5, 2)):
            processor = Siglip2ImageProcessorPil(patch_size=patch_size, max_num_patches=max_patches)
            # Without an image processor's loader, a picture of so few pixels is taken for channels.
            seen = processor(np.asarray(opened(name).convert("RGB")),
                             input_data_format="channels_last", return_tensors="np")
            expect.add("patches", np.asarray(seen["pixel_values"][0], np.float32), file=name,
                       patch_size=patch_size, max_patches=max_patches,
                       rows=int(seen["spatial_shapes"][0][0]),
                       columns=int(seen["spatial_shapes"][0][1]))


def large_files():
    image = picture(139, 187)
    yield "large_444.jpg", encoded(image, "JPEG", subsampling=0)
    yield "large_420.jpg", encoded(image, "JPEG", subsampling=2, progressive=True)
    yield "large_grey.jpg", encoded(image.convert("L"), "JPEG")


def add_scaled(expect):
    """Image.thumbnail's way with a reducing_gap of 2, to a given size."""
    for name, data in large_files():
        (FOLDER / name).write_bytes(data)
        for edge in (8, 9, 14, 17, 18, 33, 34, 35, 50):
            image = opened(name)
            size = edge, edge * image.height // image.width
            _, box = image.draft(None, (2 * size[0], 2 * size[1])) or (None, (0, 0, *image.size))
            resized = image.resize(size, Image.Resampling.BICUBIC, box).convert("RGB")
            expect.add("scaled", resized, file=name, width=size[0], height=size[1])


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    for name, data in files():
        (FOLDER / name).write_bytes(data)
    expect = Expectations()
    add_decodes(expect)
    add_resizes(expect)
    add_transformers(expect)
    add_open_clip(expect)
    (FOLDER / "scan_bomb.jpg").write_bytes(scan_bomb())
    add_scaled(expect)
    add_patches(expect)
    expect.write()


if __name__ == "__main__":
    main()
