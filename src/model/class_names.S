/* SPDX-License-Identifier: Apache-2.0 */
/* Names of ImageNet's classes (data/NOTICE.md), found through the include path. */
    .section .rodata
    .global osprey__imagenet_1k
    .hidden osprey__imagenet_1k
    .global osprey__imagenet_1k_end
    .hidden osprey__imagenet_1k_end
    .global osprey__imagenet_21k
    .hidden osprey__imagenet_21k
    .global osprey__imagenet_21k_end
    .hidden osprey__imagenet_21k_end
osprey__imagenet_1k:
    .incbin "imagenet_1k.txt.gz"
osprey__imagenet_1k_end:
    .byte 0
osprey__imagenet_21k:
    .incbin "imagenet_21k.txt.gz"
osprey__imagenet_21k_end:
    .byte 0
    .section .note.GNU-stack, "", %progbits
