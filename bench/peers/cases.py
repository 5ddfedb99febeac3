# SPDX-License-Identifier: Apache-2.0
"""What is measured: cases, and which programs have them."""

from dataclasses import dataclass
from fnmatch import fnmatch

# Most interesting first: a run that is stopped early has those.
IMAGE_BATCHES = {
    "vit-b-32": [1, 8, 32],
    "vit-b-16": [1, 8, 32],
    "vit-ti-16": [1, 8],
    "vit-s-16": [1, 8],
    "rn50x4": [1, 8],
    "mixer-b-16": [1, 8],
    "r50-vit-b-16": [1, 8],
    "lit-b-16-b-2": [1, 8],
    "vit-l-14": [1, 8, 32],
    "vit-h-14": [1],
}
TEXT_BATCHES = {"vit-b-32": [1, 8]}
TEMPLATES = {"vit-b-32": [1, 80]}
# Process start to first embedding, and JPEG files to embeddings.
COLD_STARTS = {"vit-b-32": ["fp32", "int8"]}
PHOTOS = {"vit-b-32": ["int8"]}
PRECISIONS = ["fp32", "bf16", "int8", "int4"]
QUICK_MODELS = ["vit-b-32", "vit-b-16"]
QUICK_BATCHES = [1, 8]

CONVOLUTIONS = ["rn50x4", "r50-vit-b-16"]

HAS = {
    "osprey": {"fp32", "bf16", "int8", "int4"},
    "pytorch": {"fp32", "bf16"},
    "onnxruntime": {"fp32", "int8"},
    "openvino": {"fp32", "bf16", "int8"},
}


@dataclass(frozen=True)
class Case:
    model: str
    tower: str  # image, text, cold or photos
    precision: str
    batch: int = 0
    templates: int = 0  # a label set instead of a batch

    @property
    def name(self):
        size = f"1000x{self.templates}" if self.templates else self.batch or "all"
        return f"{self.model}/{self.tower}/{size}/{self.precision}"

    def request(self, seconds, warm_ups):
        """For one round; peer_loop.py says what it means."""
        if self.templates > 1:  # tens of thousands of texts: nothing that needs warming up
            return {"templates": self.templates, "warm_ups": 0, "seconds": 0, "min_runs": 1}
        size = {"templates": self.templates} if self.templates else {"batch": self.batch}
        return size | {"warm_ups": warm_ups, "seconds": seconds, "min_runs": 1}

    def programs(self):
        """Those that have it, osprey first."""
        if self.tower == "photos":
            return ["osprey", "openvino"]
        if self.model in CONVOLUTIONS and self.precision == "int8":
            return ["osprey", "openvino"]  # nobody runs convolutions in ONNX Runtime's dynamic int8
        return [name for name, precisions in HAS.items() if self.precision in precisions]


def every_case():
    for model, batches in IMAGE_BATCHES.items():
        for precision in PRECISIONS:
            for batch in batches:
                yield Case(model, "image", precision, batch=batch)
        for precision in PRECISIONS if model in TEXT_BATCHES else []:
            for batch in TEXT_BATCHES[model]:
                yield Case(model, "text", precision, batch=batch)
            for templates in TEMPLATES[model]:
                yield Case(model, "text", precision, templates=templates)
        for precision in COLD_STARTS.get(model, []):
            yield Case(model, "cold", precision, batch=1)
        for precision in PHOTOS.get(model, []):
            yield Case(model, "photos", precision)


def is_quick(case):
    if case.templates:
        return case.templates == 1 and case.precision == "bf16"
    if case.tower in ("cold", "photos"):
        return True
    return case.model in QUICK_MODELS and case.tower == "image" and case.batch in QUICK_BATCHES


def chosen(pattern, quick):
    return [case for case in every_case()
            if fnmatch(case.name, pattern) and (not quick or is_quick(case))]
