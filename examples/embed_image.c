/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The embedding of a picture, through the library.
 *
 *     cc embed_image.c $(pkg-config --cflags --libs osprey) -o embed_image
 *     ./embed_image models/osprey-mini examples/photos/cat.jpg
 */
#include <osprey/osprey.h>

#include <stdio.h>
#include <stdlib.h>

static osprey_status embed(const osprey_model *model, const char *path, float *embedding,
                           osprey_error *error)
{
    const osprey_model_info *info = osprey_model_get_info(model);
    float *pixels = malloc(osprey_preprocessing_floats(&info->preprocessing) * sizeof *pixels);
    osprey_session_options options = {.towers = OSPREY_TOWER_IMAGE};
    osprey_session *session = NULL;
    osprey_status status = osprey_session_create(model, &options, &session, error);
    if (status == OSPREY_OK)
        status = osprey_image_open_pixels(path, NULL, &info->preprocessing, pixels, error);
    if (status == OSPREY_OK)
        status = osprey_session_embed_pixels(session, pixels, 1, OSPREY_EMBED_UNIT_LENGTH,
                                             embedding, error);
    osprey_session_free(session);
    free(pixels);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 3) return fprintf(stderr, "usage: embed_image MODEL PICTURE\n"), 2;
    osprey_error error;
    osprey_model *model = NULL;
    osprey_status status = osprey_model_open(argv[1], &model, &error);
    if (status == OSPREY_OK) {
        size_t count = osprey_model_get_info(model)->embed_dim;
        float *embedding = malloc(count * sizeof *embedding);
        status = embed(model, argv[2], embedding, &error);
        for (size_t i = 0; status == OSPREY_OK && i < count; i++)
            printf("%g\n", (double)embedding[i]);
        free(embedding);
    }
    if (status != OSPREY_OK) fprintf(stderr, "%s: %s\n", error.subject, error.message);
    osprey_model_free(model);
    return status == OSPREY_OK ? 0 : 1;
}
