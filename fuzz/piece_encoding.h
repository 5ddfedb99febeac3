/* SPDX-License-Identifier: Apache-2.0 */
/* What every tokenizer of pieces that was accepted has to keep. */
#ifndef OSPREY_FUZZ_PIECE_ENCODING_H
#define OSPREY_FUZZ_PIECE_ENCODING_H

#include "input/text/piece_tokenizer.h"

/* Ids of its vocabulary, the front of them where a text is cut, and the same from an engine's copy.
 */
void fuzz_encode_pieces(const osprey__piece_tokenizer *tokenizer);

#endif
