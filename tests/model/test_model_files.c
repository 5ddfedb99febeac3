/* SPDX-License-Identifier: Apache-2.0 */
/* Which weight file is taken, and what a bare one is taken for. */
#include "cmocka_all.h"
#include "format/format_files.h"
#include "model/zoo.h"
#include "test_directory.h"

#include <osprey/model.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODELS      OSPREY_TEST_DIR "/golden/models/"
#define TORCH       OSPREY_TEST_DIR "/golden/torch/"
#define HUGGINGFACE "hf-vit-p32-quickgelu"

static osprey_model *open_with(const char *path, const char *arch, const char *weights)
{
    osprey_error error = {0};
    osprey_model *model = NULL;
    const osprey_model_options options = {.arch = arch, .weights = weights};
    if (osprey_model_open_with(path, &options, &model, &error) != OSPREY_OK)
        fail_msg("%s: %s", error.subject, error.message);
    return model;
}

static void refuse(const char *path, const char *arch, const char *weights, osprey_status wanted,
                   const char *subject, const char *words)
{
    osprey_error error = {0};
    osprey_model *model = NULL;
    const osprey_model_options options = {.arch = arch, .weights = weights};
    assert_refused(osprey_model_open_with(path, &options, &model, &error), &error, wanted, subject,
                   words);
    assert_null(model);
}

/* Whether the model's weights are of that format, and what its note says ("" for none). */
static void assert_used(osprey_model *model, const char *format, const char *note)
{
    const osprey_model_info *info = osprey_model_get_info(model);
    assert_string_equal(info->weight_format, format);
    if (!*note) assert_null(info->note);
    if (*note && (!info->note || !strstr(info->note, note)))
        fail_msg("the note is \"%s\", without \"%s\"", info->note ? info->note : "", note);
    osprey_model_free(model);
}

/* Everything but weights of the golden Hugging Face model. */
static void create(test_directory *d)
{
    test_directory_create(d);
    test_directory_link(d, MODELS HUGGINGFACE, "config.json");
    test_directory_link(d, MODELS HUGGINGFACE, "preprocessor_config.json");
    test_directory_link(d, MODELS HUGGINGFACE, "tokenizer.json");
}

static void write_damaged(const test_directory *d, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", d->path, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs("PK\x03\x04 and no more", file);
    assert_int_equal(fclose(file), 0);
}

static void test_the_safest_sound_file_is_used(void **state)
{
    (void)state;
    test_directory d;
    create(&d);
    test_directory_link(&d, TORCH HUGGINGFACE, "pytorch_model.bin");
    assert_used(open_with(d.path, NULL, NULL), "PyTorch checkpoint", "");
    test_directory_link(&d, MODELS HUGGINGFACE, "model.safetensors");
    assert_used(open_with(d.path, NULL, NULL), "safetensors",
                "of 2 weight files, model.safetensors is used");
    assert_used(open_with(d.path, NULL, "pytorch_model.bin"), "PyTorch checkpoint", "");

    test_directory_remove(&d, "model.safetensors");
    write_damaged(&d, "model.safetensors");
    assert_used(open_with(d.path, NULL, NULL), "PyTorch checkpoint",
                "is the file cut off?); pytorch_model.bin is used");
    refuse(d.path, NULL, "model.safetensors", OSPREY_FORMAT, "model.safetensors", "cut off");
    test_directory_remove(&d, "pytorch_model.bin");
    write_damaged(&d, "pytorch_model.bin");
    refuse(d.path, NULL, NULL, OSPREY_FORMAT, "/model.safetensors", "cut off");
    assert_used(open_with(d.path, NULL, MODELS HUGGINGFACE "/model.safetensors"), "safetensors",
                "");
    test_directory_free(&d);
}

static void test_options_that_do_not_go_with_the_model(void **state)
{
    (void)state;
    const char *directory = MODELS HUGGINGFACE, *file = MODELS HUGGINGFACE "/model.safetensors";
    refuse(directory, NULL, "none.bin", OSPREY_NOT_FOUND, "none.bin", "no such file of weights");
    refuse(directory, NULL, "config.json", OSPREY_UNSUPPORTED, "config.json", "not a file of");
    refuse(file, NULL, "model.safetensors", OSPREY_INVALID_ARGUMENT, "model.safetensors",
           "the model is a file itself");
    refuse(file, "ViT-B-32", NULL, OSPREY_INVALID_ARGUMENT, "ViT-B-32", "config.json has it");
    refuse("some.osprey", "ViT-B-32", NULL, OSPREY_INVALID_ARGUMENT, "some.osprey",
           "an engine has its architecture");
    refuse(MODELS "openclip-rn", "RN-50", NULL, OSPREY_NOT_FOUND, "RN-50",
           "that there are: RN50[-quickgelu], RN101[-quickgelu], ");
    refuse(MODELS "openclip-rn", "RN50", NULL, OSPREY_FORMAT, "open_clip_model.safetensors",
           "but RN50 asks for [32, 3, 3, 3]");
}

/* A file with the tensors from which shapes are found: names and dims, F16, all zeros. */
static void write_shapes(const char *name, const char *const *tensors)
{
    char header[16384];
    size_t used = (size_t)snprintf(header, sizeof header, "{"), bytes = 0;
    for (; *tensors; tensors += 2) {
        size_t elements = 1;
        for (char *at = (char *)(uintptr_t)tensors[1]; *at; at += *at == ',')
            elements *= strtoull(at, &at, 10);
        used +=
            (size_t)snprintf(header + used, sizeof header - used,
                             "%s\"%s\":{\"dtype\":\"F16\",\"shape\":[%s],\"data_offsets\":"
                             "[%zu,%zu]}",
                             bytes ? "," : "", tensors[0], tensors[1], bytes, bytes + 2 * elements);
        bytes += 2 * elements;
    }
    used += (size_t)snprintf(header + used, sizeof header - used, "}");
    FILE *file = fopen(in_directory(name), "wb");
    assert_non_null(file);
    for (size_t i = 0; i < 8; i++) fputc((int)(used >> 8 * i & 0xff), file);
    fputs(header, file);
    fflush(file);
    assert_int_equal(ftruncate(fileno(file), (off_t)(8 + used + bytes)), 0); /* a hole */
    assert_int_equal(fclose(file), 0);
}

#define BLOCK(tower, n) tower "transformer.resblocks." n ".attn.in_proj_weight", "1"
#define BLOCKS(tower)                                                                              \
    BLOCK(tower, "0"), BLOCK(tower, "1"), BLOCK(tower, "2"), BLOCK(tower, "3"), BLOCK(tower, "4"), \
        BLOCK(tower, "5"), BLOCK(tower, "6"), BLOCK(tower, "7"), BLOCK(tower, "8"),                \
        BLOCK(tower, "9"), BLOCK(tower, "10"), BLOCK(tower, "11")
#define VIT_B_32                                                                                   \
    "visual.proj", "768,512", "visual.conv1.weight", "768,3,32,32", "visual.positional_embedding", \
        "50,768", "visual.transformer.resblocks.0.mlp.c_fc.weight", "3072,768", BLOCKS("visual."), \
        "token_embedding.weight", "49408,512", "positional_embedding", "77,512",                   \
        "transformer.resblocks.0.mlp.c_fc.weight", "2048,512", "text_projection", "512,512",       \
        BLOCKS("")

static void test_weights_that_fit_two_architectures(void **state)
{
    (void)state;
    static const char *const plain[] = {VIT_B_32, NULL};
    static const char *const openai[] = {VIT_B_32, "input_resolution", "1", "context_length",
                                         "1",      "vocab_size",       "1", NULL};
    write_shapes("plain.safetensors", plain);
    refuse(in_directory("plain.safetensors"), NULL, NULL, OSPREY_UNSUPPORTED, "plain.safetensors",
           "its shapes fit ViT-B-32 and ViT-B-32-quickgelu, which differ in the activation: name "
           "one with --arch");
    /* Named, or with OpenAI's marks, it goes on to the tensors that this file lacks. */
    refuse(in_directory("plain.safetensors"), "ViT-B-32", NULL, OSPREY_NOT_FOUND,
           "plain.safetensors", "tensor \"logit_scale\" is missing");
    write_shapes("openai.safetensors", openai);
    refuse(in_directory("openai.safetensors"), NULL, NULL, OSPREY_NOT_FOUND, "openai.safetensors",
           "tensor \"logit_scale\" is missing");
}

#define EVA_BLOCK(n) "visual.trunk.blocks." n ".norm1.weight", "1"
#define EVA02_B                                                                                    \
    "visual.trunk.cls_token", "1,1,768", "visual.trunk.pos_embed", "1,197,768",                    \
        "visual.trunk.patch_embed.proj.weight", "768,3,16,16",                                     \
        "visual.trunk.blocks.0.attn.q_proj.bias", "768", "visual.trunk.blocks.0.mlp.fc1_g.weight", \
        "2048,768", EVA_BLOCK("0"), EVA_BLOCK("1"), EVA_BLOCK("2"), EVA_BLOCK("3"),                \
        EVA_BLOCK("4"), EVA_BLOCK("5"), EVA_BLOCK("6"), EVA_BLOCK("7"), EVA_BLOCK("8"),            \
        EVA_BLOCK("9"), EVA_BLOCK("10"), EVA_BLOCK("11"), "text.token_embedding.weight",           \
        "49408,512", "text.positional_embedding", "77,512",                                        \
        "text.transformer.resblocks.0.mlp.c_fc.weight", "2048,512", "text.text_projection",        \
        "512,512", BLOCKS("text.")

#define CLIP_TEXT(tower, width, mlp)                                                               \
    "logit_scale", "1", tower "token_embedding.weight", "49408," width,                            \
        tower "positional_embedding", "77," width,                                                 \
        tower "transformer.resblocks.0.mlp.c_fc.weight", mlp "," width, tower "text_projection",   \
        width "," width, BLOCKS(tower)

/* Names of blocks, behind what is there of a list. */
static size_t add_blocks(const char **shapes, size_t used, const char *prefix, size_t count,
                         const char *suffix, const char *dims)
{
    static char names[128][128];
    static size_t named;
    for (size_t i = 0; i < count; i++, named++) {
        snprintf(names[named], sizeof names[named], "%s%zu%s", prefix, i, suffix);
        shapes[used++] = names[named];
        shapes[used++] = dims;
    }
    return used;
}

/* It is told by its shapes, and what it asks for then is not there. */
static void test_a_mobile_clip_is_known_by_its_shapes(void **state)
{
    (void)state;
    static const size_t blocks[] = {2, 12, 24, 4, 2};
    const char *fastvit[256] = {"visual.trunk.final_conv.se.fc1.weight",   "192",
                                "visual.trunk.stem.0.reparam_conv.weight", "96,3,3,3",
                                "visual.trunk.stem.0.reparam_conv.bias",   "7",
                                CLIP_TEXT("text.", "768", "3072")};
    size_t used = 0;
    while (fastvit[used]) used += 2;
    for (size_t stage = 0; stage < 5; stage++) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "visual.trunk.stages.%zu.blocks.", stage);
        used = add_blocks(fastvit, used, prefix, blocks[stage], ".mlp.fc1.weight", "384,96,1,1");
    }
    write_shapes("s3.safetensors", fastvit);
    refuse(in_directory("s3.safetensors"), NULL, NULL, OSPREY_FORMAT, "s3.safetensors",
           "but MobileCLIP2-S3 asks for [96]");
    const char *vit[256] = {"visual.trunk.norm_pre.weight",
                            "7",
                            "visual.trunk.norm_pre.bias",
                            "1024",
                            "visual.trunk.patch_embed.proj.weight",
                            "1024,3,14,14",
                            "visual.trunk.pos_embed",
                            "1,257,1024",
                            "visual.trunk.cls_token",
                            "1,1,1024",
                            "visual.trunk.blocks.0.mlp.fc1.weight",
                            "4096,1024",
                            CLIP_TEXT("text.", "768", "3072")};
    used = 0;
    while (vit[used]) used += 2;
    add_blocks(vit, used, "visual.trunk.blocks.", 24, ".norm1.weight", "1024");
    write_shapes("l.safetensors", vit);
    refuse(in_directory("l.safetensors"), NULL, NULL, OSPREY_FORMAT, "l.safetensors",
           "but MobileCLIP2-L-14 asks for [1024]");
}

static void test_a_perception_encoder_is_known_by_its_shapes(void **state)
{
    (void)state;
    const char *shapes[256] = {"visual.trunk.attn_pool.latent",
                               "1,1,192",
                               "visual.trunk.attn_pool.mlp.fc1.weight",
                               "768,192",
                               "visual.trunk.norm_pre.weight",
                               "7",
                               "visual.trunk.norm_pre.bias",
                               "192",
                               "visual.trunk.patch_embed.proj.weight",
                               "192,3,16,16",
                               "visual.trunk.pos_embed",
                               "1,577,192",
                               "visual.trunk.cls_token",
                               "1,1,192",
                               "visual.trunk.blocks.0.mlp.fc1.weight",
                               "768,192",
                               CLIP_TEXT("text.", "512", "2048")};
    size_t used = 0;
    while (shapes[used]) {
        if (strcmp(shapes[used], "text.positional_embedding") == 0) shapes[used + 1] = "32,512";
        used += 2;
    }
    add_blocks(shapes, used, "visual.trunk.blocks.", 12, ".norm1.weight", "192");
    write_shapes("pe.safetensors", shapes);
    refuse(in_directory("pe.safetensors"), NULL, NULL, OSPREY_FORMAT, "pe.safetensors",
           "but PE-Core-T-16-384 asks for [192]");
}

/* All but the size of images, by which two published ones differ alone. */
static void test_a_convnext_is_known_by_its_shapes(void **state)
{
    (void)state;
    static const size_t blocks[] = {3, 3, 27, 3};
    const char *base[256] = {"visual.trunk.stages.0.blocks.0.gamma",
                             "128",
                             "visual.trunk.stem.0.weight",
                             "128,3,4,4",
                             "visual.trunk.stem.0.bias",
                             "7",
                             "visual.trunk.stages.0.blocks.0.mlp.fc1.weight",
                             "512,128",
                             CLIP_TEXT("", "512", "2048")};
    const char *base_w[] = {CLIP_TEXT("", "640", "2560")};
    size_t used = 0;
    while (base[used]) used += 2;
    for (size_t stage = 0; stage < 4; stage++) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "visual.trunk.stages.%zu.blocks.", stage);
        used = add_blocks(base, used, prefix, blocks[stage], ".conv_dw.weight", "1");
    }
    write_shapes("base.safetensors", base);
    refuse(in_directory("base.safetensors"), NULL, NULL, OSPREY_FORMAT, "base.safetensors",
           "but convnext_base asks for [128]");
    memcpy(base + 8, base_w, sizeof base_w);
    write_shapes("base_w.safetensors", base);
    refuse(in_directory("base_w.safetensors"), NULL, NULL, OSPREY_UNSUPPORTED, "base_w.safetensors",
           "its shapes fit convnext_base_w and convnext_base_w_320, which differ in the size of "
           "images: name one with --arch");
    refuse(in_directory("base_w.safetensors"), "convnext_base_w_320", NULL, OSPREY_FORMAT,
           "base_w.safetensors", "but convnext_base_w_320 asks for [128]");
}

/* By the class token of its texts, and by its pool where it has one. */
static void test_a_coca_is_known_by_its_shapes(void **state)
{
    (void)state;
    const char *shapes[256] = {"text.cls_emb",
                               "512",
                               "visual.attn_pool.query",
                               "256,512",
                               "text_decoder.ln_final.weight",
                               "512",
                               "visual.proj",
                               "512,512",
                               "visual.conv1.weight",
                               "768,3,32,32",
                               "visual.positional_embedding",
                               "50,768",
                               "visual.transformer.resblocks.0.mlp.c_fc.weight",
                               "3072,768",
                               BLOCKS("visual."),
                               CLIP_TEXT("text.", "512", "2048")};
    write_shapes("coca.safetensors", shapes);
    refuse(in_directory("coca.safetensors"), NULL, NULL, OSPREY_NOT_FOUND, "coca.safetensors",
           "tensor \"visual.class_embedding\" is missing");
    refuse(in_directory("coca.safetensors"), "coca_ViT-B-32", NULL, OSPREY_NOT_FOUND,
           "coca.safetensors", "tensor \"visual.class_embedding\" is missing");
    shapes[3] = "255,512";
    write_shapes("coca.safetensors", shapes);
    refuse(in_directory("coca.safetensors"), NULL, NULL, OSPREY_UNSUPPORTED, "coca.safetensors",
           "the shapes of none of its architectures");
    shapes[0] = "text.cls_amb";
    shapes[3] = "256,512";
    write_shapes("coca.safetensors", shapes);
    refuse(in_directory("coca.safetensors"), NULL, NULL, OSPREY_UNSUPPORTED, "coca.safetensors",
           "the shapes of none of its architectures");
}

static void test_an_eva_is_known_by_its_shapes(void **state)
{
    (void)state;
    static const char *const shapes[] = {EVA02_B, NULL};
    write_shapes("eva.safetensors", shapes);
    /* It is one; so on to the tensors that this file lacks. */
    refuse(in_directory("eva.safetensors"), NULL, NULL, OSPREY_NOT_FOUND, "eva.safetensors",
           "tensor \"logit_scale\" is missing");
    static const char *const transformers[] = {
        EVA02_B, "text.transformer.embeddings.word_embeddings.weight", "1", NULL};
    write_shapes("eva.safetensors", transformers);
    refuse(in_directory("eva.safetensors"), NULL, NULL, OSPREY_UNSUPPORTED, "eva.safetensors",
           "a text tower of transformers");
}

#define TINY_BLOCK(tower, n) "_" tower "transformer.resblocks." n ".attn.in_proj_weight", "768,256"
/* TinyCLIP-ViT-8M-16-Text-3M in the wrappers of a distributed run; the scale is no single number.
 */
#define TINY_CLIP(scale)                                                                           \
    "_logit_scale.module.logit_scale", scale, "_image_encoder.module.visual.proj", "256,512",      \
        "_image_encoder.module.visual.conv1.weight", "256,3,16,16",                                \
        "_image_encoder.module.visual.positional_embedding", "197,256",                            \
        "_image_encoder.module.visual.transformer.resblocks.0.mlp.c_fc.weight", "1024,256",        \
        "_text_encoder.module.token_embedding.weight", "49408,256",                                \
        "_text_encoder.module.positional_embedding", "77,256",                                     \
        "_text_encoder.module.transformer.resblocks.0.mlp.c_fc.weight", "1024,256",                \
        "_text_encoder.module.text_projection", "256,512",                                         \
        TINY_BLOCK("image_encoder.module.visual.", "0"),                                           \
        TINY_BLOCK("image_encoder.module.visual.", "1"),                                           \
        TINY_BLOCK("image_encoder.module.visual.", "2"),                                           \
        TINY_BLOCK("image_encoder.module.visual.", "3"),                                           \
        TINY_BLOCK("image_encoder.module.visual.", "4"),                                           \
        TINY_BLOCK("image_encoder.module.visual.", "5"),                                           \
        TINY_BLOCK("image_encoder.module.visual.", "6"),                                           \
        TINY_BLOCK("image_encoder.module.visual.", "7"),                                           \
        TINY_BLOCK("image_encoder.module.visual.", "8"),                                           \
        TINY_BLOCK("image_encoder.module.visual.", "9"), TINY_BLOCK("text_encoder.module.", "0"),  \
        TINY_BLOCK("text_encoder.module.", "1"), TINY_BLOCK("text_encoder.module.", "2")

static void test_tiny_clip_is_unwrapped(void **state)
{
    (void)state;
    static const char *const shapes[] = {TINY_CLIP("2"), NULL};
    write_shapes("tiny.safetensors", shapes);
    refuse(in_directory("tiny.safetensors"), NULL, NULL, OSPREY_FORMAT, "tiny.safetensors",
           "\"logit_scale\" has to be a single number");
    static const char *const pruned[] = {
        TINY_CLIP("1"), "_image_encoder.module.visual.transformer.resblocks.11.attn.in_proj_weight",
        "576,256", NULL};
    write_shapes("tiny.safetensors", pruned);
    refuse(in_directory("tiny.safetensors"), NULL, NULL, OSPREY_UNSUPPORTED, "tiny.safetensors",
           "[576, 256]: a layer with fewer heads than the tower is wide, as TinyCLIP's");
}

static void test_towers_of_others_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *name, *words;
    } towers[] = {
        {"visual.trunk.patch_embed.proj.weight", "an image tower of timm"},
        {"_text_encoder.module.l0_module.lambda_1", "TinyCLIP's search for layers to leave out"},
        {"text.transformer.embeddings.word_embeddings.weight", "a text tower of transformers"},
        {"model.layers.0.weight", "of no model that osprey knows"},
    };
    for (size_t i = 0; i < sizeof towers / sizeof *towers; i++) {
        write_shapes("other.safetensors", (const char *const[]){towers[i].name, "1", NULL});
        refuse(in_directory("other.safetensors"), NULL, NULL, OSPREY_UNSUPPORTED,
               "other.safetensors", towers[i].words);
    }
}

/* MobileCLIP2's S2 and B are MobileCLIP's; a ViTamin XL has no positions that tell its size, which
 * is twice the same in OpenCLIP's configurations. */
static bool is_published_before(const char *name)
{
    return strcmp(name, "MobileCLIP2-S2") == 0 || strcmp(name, "MobileCLIP2-B") == 0 ||
           strcmp(name, "ViTamin-XL-384") == 0;
}

/* Each published shape is told from every other; both names of it lead to it. */
static void test_zoo(void **state)
{
    (void)state;
    for (size_t i = 0; i < OSPREY__ZOO_ENTRIES; i++) {
        const osprey__zoo_entry *entry = &osprey__zoo[i];
        if (!is_published_before(entry->gelu_name))
            assert_ptr_equal(osprey__zoo_fit(&entry->config, NULL), entry);
        osprey__model_config config;
        assert_int_equal(osprey__zoo_find(entry->gelu_name, &config, NULL), OSPREY_OK);
        /* SigLIP's largest text towers have heads of 72, and SigLIP 2's a tanh. */
        const bool siglip = config.text.kind == OSPREY__TEXT_SIGLIP;
        assert_true(siglip || config.text.activation == OSPREY_ACTIVATION_GELU);
        /* As has ViTamin's. */
        const size_t head_width = config.image.unplaced ? 72 : 64;
        assert_true(siglip || config.text.width == head_width * config.text.heads);
        assert_int_equal(config.preprocessing.crop_width, config.image.image_width);
        assert_string_equal(config.file, entry->gelu_name);
        if (!entry->quick_name) continue;
        assert_int_equal(osprey__zoo_find(entry->quick_name, &config, NULL), OSPREY_OK);
        assert_int_equal(config.text.activation, OSPREY_ACTIVATION_QUICK_GELU);
        assert_string_equal(config.file, entry->quick_name);
    }
    osprey__model_config config;
    assert_int_equal(osprey__zoo_find("RN50x4-quickgelu", &config, NULL), OSPREY_OK);
    assert_int_equal(config.image.heads, 40);
    assert_int_equal(config.image.activation, OSPREY_ACTIVATION_RELU);
    assert_int_equal(osprey__zoo_find("ViT-H-14", &config, NULL), OSPREY_OK);
    assert_int_equal(config.image.heads, 16);
    assert_int_equal(osprey__zoo_find("MobileCLIP2-S2", &config, NULL), OSPREY_OK);
    assert_int_equal(config.image.heads, 20);
    assert_true(config.preprocessing.mean[0] <= 0);
    assert_int_equal(osprey__zoo_find("MobileCLIP2-L-14", &config, NULL), OSPREY_OK);
    assert_int_equal(config.text.kind, OSPREY__TEXT_CLIP_FILLED);
    assert_int_equal(config.preprocessing.resample, OSPREY_RESAMPLE_BICUBIC);
    assert_int_equal(osprey__zoo_find("MobileCLIP2-S3", &config, NULL), OSPREY_OK);
    assert_int_equal(config.image.heads, 48);
    assert_int_equal(config.image.mlp_width, 384);
    assert_int_equal(config.preprocessing.resample, OSPREY_RESAMPLE_BILINEAR);
    assert_true(config.preprocessing.mean[0] > 0.48F);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_safest_sound_file_is_used),
        cmocka_unit_test(test_options_that_do_not_go_with_the_model),
        cmocka_unit_test(test_weights_that_fit_two_architectures),
        cmocka_unit_test(test_a_coca_is_known_by_its_shapes),
        cmocka_unit_test(test_a_perception_encoder_is_known_by_its_shapes),
        cmocka_unit_test(test_a_convnext_is_known_by_its_shapes),
        cmocka_unit_test(test_an_eva_is_known_by_its_shapes),
        cmocka_unit_test(test_a_mobile_clip_is_known_by_its_shapes),
        cmocka_unit_test(test_tiny_clip_is_unwrapped),
        cmocka_unit_test(test_towers_of_others_are_named),
        cmocka_unit_test(test_zoo),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
