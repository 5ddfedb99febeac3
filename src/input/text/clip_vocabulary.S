/* SPDX-License-Identifier: Apache-2.0 */
/* CLIP's vocabulary as published (data/NOTICE.md), found through the include path. */
    .section .rodata
    .global osprey__clip_vocabulary
    .hidden osprey__clip_vocabulary
    .global osprey__clip_vocabulary_end
    .hidden osprey__clip_vocabulary_end
osprey__clip_vocabulary:
    .incbin "bpe_simple_vocab_16e6.txt.gz"
osprey__clip_vocabulary_end:
    .byte 0
    .section .note.GNU-stack, "", %progbits
