# SPDX-License-Identifier: Apache-2.0
"""Writes PyTorch's files for the tests: the weights of tests/golden/models in every way in which
torch.save is met, and TorchScript archives as OpenAI published them.

    pip install -r tests/golden/requirements.txt
    OMP_NUM_THREADS=1 python tests/golden/make_torch_files.py

tests/golden/torch/MODEL/* go with tests/golden/models/MODEL and give the same embeddings. The
archives are models of their own, tests/golden/models/openai-*.
"""

import json
import shutil
from pathlib import Path

import open_clip
import torch
from safetensors.torch import load_file

import golden_expect
import golden_vocabulary
import torch_archive
from golden_weights import randomise, settle_batch_norms

HERE = Path(__file__).resolve().parent
SMALL = golden_vocabulary.build()


def weights_of(name):
    tensors = {}
    for path in sorted((HERE / "models" / name).glob("*.safetensors")):
        tensors |= load_file(path)
    return tensors


def save(name, file, value, **options):
    path = HERE / "torch" / name / file
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(value, path, **options)


def save_shards(name):
    """pytorch_model.bin.index.json as transformers wrote it before safetensors."""
    tensors = weights_of(name)
    names = sorted(tensors)
    half = len(names) // 2
    where = {}
    for shard, part in enumerate((names[:half], names[half:]), start=1):
        file = f"pytorch_model-{shard:05}-of-00002.bin"
        save(name, file, {tensor: tensors[tensor] for tensor in part})
        where |= dict.fromkeys(part, file)
    size = sum(tensor.nbytes for tensor in tensors.values())
    index = {"metadata": {"total_size": size}, "weight_map": where}
    (HERE / "torch" / name / "pytorch_model.bin.index.json").write_text(
        json.dumps(index, indent=2) + "\n", "utf-8")


def training_checkpoint(tensors):
    """open_clip_train's epoch_1.pt, of a distributed run."""
    moments = {i: {"step": torch.tensor(7.0), "exp_avg": torch.zeros(3)} for i in range(2)}
    return {"epoch": 1, "name": "tiny",
            "state_dict": {f"module.{name}": tensor for name, tensor in tensors.items()},
            "optimizer": {"state": moments, "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.98),
                                                              "amsgrad": False, "params": [0, 1]}]}}


def unusual_storages(tensors):
    """Filters channels last, transposed matrices, parameters, and two tensors in one storage."""
    odd = {}
    for name, tensor in tensors.items():
        if tensor.dim() == 4:
            odd[name] = tensor.contiguous(memory_format=torch.channels_last)
        elif tensor.dim() == 2 and "proj" in name:
            odd[name] = torch.nn.Parameter(tensor.t().contiguous().t())
        else:
            odd[name] = tensor
    weight, bias = "ln_final.weight", "ln_final.bias"
    both = torch.cat([torch.zeros(5, dtype=odd[weight].dtype), odd[weight], odd[bias]])
    odd[weight] = both[5:5 + len(odd[weight])]
    odd[bias] = both[5 + len(odd[weight]):]
    return odd


def tiny_clip_checkpoint(tensors):
    """As microsoft/Cream's TinyCLIP saves a model of OpenCLIP's towers: a wrapper for each tower
    and for the scale, those of DistributedDataParallel within."""
    wrapped = {}
    for name, tensor in tensors.items():
        tower = "_image" if name.startswith("visual.") else "_text"
        wrapper = "_logit_scale" if name == "logit_scale" else f"{tower}_encoder"
        wrapped[f"{wrapper}.module.{name}"] = tensor
    return {"epoch": 1, "name": "tiny", "state_dict": wrapped}


def openai_model(seed, vision):
    model = open_clip.CLIP(
        embed_dim=24, quick_gelu=True, vision_cfg=vision,
        text_cfg={"context_length": 32, "vocab_size": len(SMALL[0]), "width": 64, "heads": 1,
                  "layers": 1})
    randomise(model, seed, logit_scale=60)
    settle_batch_norms(model.visual, vision["image_size"], seed)
    return model


def save_archive(name, file, model):
    folder = HERE / "models" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    torch_archive.save(model, folder / file)
    golden_vocabulary.save_plain(folder, *SMALL)
    golden_vocabulary.save_special_tokens(folder, 32)
    return folder


def main():
    torch.set_num_threads(1)
    shutil.rmtree(HERE / "torch", ignore_errors=True)
    save("hf-vit-p32-quickgelu", "pytorch_model.bin", weights_of("hf-vit-p32-quickgelu"))
    save("hf-vit-p14-bf16-sparse", "pytorch_model.bin", weights_of("hf-vit-p14-bf16-sparse"))
    save("hf-chinese-clip", "pytorch_model.bin", weights_of("hf-chinese-clip"))
    save_shards("hf-vit-p16-gelu-sharded")
    save("openclip-vit-p14-quickgelu-builtin", "open_clip_pytorch_model.bin",
         weights_of("openclip-vit-p14-quickgelu-builtin"))
    save("openclip-vit-p16-gelu", "epoch_1.pt",
         training_checkpoint(weights_of("openclip-vit-p16-gelu")))
    save("openclip-vit-p16-gelu", "TinyCLIP.pt",
         tiny_clip_checkpoint(weights_of("openclip-vit-p16-gelu")))
    save("openclip-rn", "open_clip_pytorch_model.bin", unusual_storages(weights_of("openclip-rn")))
    save("refused", "legacy.pt", {"a": torch.zeros(2)}, _use_new_zipfile_serialization=False)

    vit = openai_model(21, {"image_size": 32, "layers": 2, "width": 64, "patch_size": 16})
    resnet = openai_model(22, {"image_size": 64, "layers": [1, 2, 1, 1], "width": 4,
                               "patch_size": None})
    for seed, (name, file, model) in enumerate((("openai-vit", "ViT-tiny.pt", vit),
                                                ("openai-rn", "RN-tiny.pt", resnet))):
        folder = save_archive(name, file, model)
        golden_expect.openai(folder, file, HERE / "pictures", seed)


if __name__ == "__main__":
    main()
