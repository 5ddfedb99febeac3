# SPDX-License-Identifier: Apache-2.0
"""Pictures in any proportions: what Siglip2ImageProcessor makes of them as osprey has it, one array
[pictures, 1 + patches, pixels of a patch] whose first rows begin with the grids, and back."""

import torch


def pack(seen):
    """The results of the processor, which knows no other padding than zeros."""
    rows = [torch.cat([header(image["spatial_shapes"][0], image["pixel_values"].shape[2]),
                       image["pixel_values"][0].float()]) for image in seen]
    return torch.stack(rows)


def header(grid, width):
    row = torch.zeros(1, width)
    row[0, :2] = torch.as_tensor(grid)
    return row


def unpack(packed):
    """The arguments of Siglip2Model.get_image_features."""
    grids = packed[:, 0, :2].long()
    places = torch.arange(packed.shape[1] - 1)
    return {"pixel_values": packed[:, 1:], "spatial_shapes": grids,
            "pixel_attention_mask": (places < grids.prod(dim=1, keepdim=True)).int()}


def noise(processor, grids, seed):
    """In the range of normalised pixels."""
    width = 3 * processor.patch_size ** 2
    random = torch.Generator().manual_seed(seed)
    images = []
    for rows, columns in grids:
        patches = torch.zeros(processor.max_num_patches, width)
        patches[:rows * columns] = torch.randn(rows * columns, width, generator=random)
        images.append(torch.cat([header((rows, columns), width), patches]))
    return torch.stack(images)
