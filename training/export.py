"""Checkpoint -> models/osprey-mini: the weights' running average in F16, in OpenCLIP's layout.

    python training/export.py --run RUN

Files are replaced at once, each by a complete new one; afterwards the directory is loaded with OpenCLIP and tried.
"""
import argparse
import os
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file

from captions import HERE


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", required=True, type=Path, help="folder with train.py's checkpoint.pt")
    parser.add_argument("--out", default=HERE.parent / "models" / "osprey-mini", type=Path)
    args = parser.parse_args()
    saved = torch.load(args.run / "checkpoint.pt", weights_only=True, map_location="cpu")
    weights = {name: (t.half() if t.is_floating_point() else t).contiguous() for name, t in saved["average"].items()}
    for name, t in weights.items():
        if not torch.isfinite(t.float()).all():
            raise SystemExit(f"{name} does not fit into F16")
    args.out.mkdir(parents=True, exist_ok=True)
    part = args.out / "open_clip_model.safetensors.tmp"
    save_file(weights, part, metadata={"format": "pt"})
    os.chmod(part, 0o644)
    os.replace(part, part.with_suffix(""))
    part = args.out / "open_clip_config.json.tmp"
    shutil.copyfile(HERE / "config.json", part)
    os.replace(part, part.with_suffix(""))

    import open_clip
    torch.set_num_threads(1)
    name = f"local-dir:{args.out}"
    model, preprocess = open_clip.create_model_from_pretrained(name)
    tokenizer = open_clip.get_tokenizer(name)
    from PIL import Image
    with torch.no_grad():
        image = model.encode_image(preprocess(Image.new("RGB", (120, 90), (200, 120, 40)))[None], normalize=True)
        text = model.encode_text(tokenizer(["dog", "a photo of a cat"]), normalize=True)
    if not (torch.isfinite(image).all() and torch.isfinite(text).all()):
        raise SystemExit("the exported model does not compute")
    size = sum(f.stat().st_size for f in args.out.iterdir() if f.is_file())
    count = sum(p.numel() for p in model.parameters())
    print(f"step {saved['step']}, epoch {saved['epoch']}, {saved['elapsed'] / 60:.1f} minutes of training: "
          f"{count} parameters, {size} bytes in {args.out}, orange picture with dog and cat: "
          f"{[round(v, 4) for v in (image @ text.T)[0].tolist()]}")


if __name__ == "__main__":
    main()
