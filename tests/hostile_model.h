/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copy of a golden model in which a layer cannot be quantised, and which is otherwise as good as
 * the original: one unit of an MLP is dead, and the second linear's weights for it are huge. They
 * change no result, but take the whole range of each output channel. A step that fails ends the
 * test.
 */
#ifndef OSPREY_TESTS_HOSTILE_MODEL_H
#define OSPREY_TESTS_HOSTILE_MODEL_H

/* Copies a directory's files to a new directory. */
void copy_model(const char *from, const char *to);

/* In directory/model.safetensors of F32: mlp as in "vision_model.encoder.layers.0.mlp". */
void make_hostile(const char *directory, const char *mlp);

/* The last element of a tensor of that file. */
void set_element(const char *directory, const char *name, float value);

#endif
