/* SPDX-License-Identifier: Apache-2.0 */
/* OpenCLIP's CoCa models: what is told of them, texts with padding, and what is refused. */
#include "cmocka_all.h"
#include "model/openclip_changes.h"
#include "open_model.h"

#include <osprey/osprey.h>

#include <string.h>

#define GOLDEN(name) OSPREY_TEST_DIR "/golden/models/" name
#define POOLED       GOLDEN("openclip-coca")
#define EVEN         GOLDEN("openclip-coca-even")
#define BASE         GOLDEN("openclip-coca-base")

static void test_towers_are_described(void **state)
{
    (void)state;
    osprey_model *model = open_model(POOLED);
    const osprey_model_info *info = osprey_model_get_info(model);
    assert_string_equal(info->image.architecture, "vit");
    assert_string_equal(info->text.architecture, "coca_text");
    assert_string_equal(info->not_read, "text_decoder.*, a decoder of captions");
    assert_int_equal(info->context_length, 32);
    assert_int_equal(info->embed_dim, 16);
    osprey_model_free(model);
    model = open_model(GOLDEN("openclip-rn"));
    assert_null(osprey_model_get_info(model)->not_read);
    osprey_model_free(model);
}

/* Padding of the caller's says nothing; a text may be full, or nothing but padding. */
static void test_padding_changes_nothing(void **state)
{
    (void)state;
    enum { CONTEXT = 32, WIDTH = 16, TEXTS = 5 };
    static const size_t lengths[TEXTS] = {4, 9, CONTEXT, 1, CONTEXT};
    int32_t ids[4 + 9 + CONTEXT + 1 + CONTEXT] = {672, 5, 7, 673, 672, 5, 7, 673};
    float out[TEXTS][WIDTH];
    osprey_error error = {0};
    for (size_t i = 4 + 9; i < 4 + 9 + CONTEXT; i++) ids[i] = (int32_t)(100 + i);
    osprey_model *model = open_model(POOLED);
    osprey_session *session = session_on(model, 1);
    assert_int_equal(
        osprey_session_embed_tokens(session, ids, lengths, TEXTS, OSPREY_EMBED_RAW, out[0], &error),
        OSPREY_OK);
    assert_memory_equal(out[0], out[1], sizeof out[0]);
    assert_memory_not_equal(out[0], out[2], sizeof out[0]);
    assert_memory_equal(out[3], out[4], sizeof out[3]);
    const size_t too_long = CONTEXT + 1;
    assert_int_equal(
        osprey_session_embed_tokens(session, ids, &too_long, 1, OSPREY_EMBED_RAW, out[0], &error),
        OSPREY_INVALID_ARGUMENT);
    assert_non_null(strstr(error.message, "text 0 has 33 tokens; 1 to 32 would be right"));
    osprey_session_free(session);
    osprey_model_free(model);
}

static void test_contradictions_are_named(void **state)
{
    (void)state;
    static const openclip_change changes[] = {
        {POOLED, "\"attentional_pool\": true", "\"attentional_pool\": \"cascade\"",
         OSPREY_UNSUPPORTED, "\"attentional_pool\" is \"cascade\"; supported are true and false"},
        {POOLED, "\"attentional_pool\": true", "\"attentional_pool\": false", OSPREY_FORMAT,
         "tensor \"visual.ln_post.weight\" has the shape [16]"},
        {BASE, "\"patch_size\": 16",
         "\"patch_size\": 16, \"attentional_pool\": true, \"attn_pooler_heads\": 5",
         OSPREY_NOT_FOUND, "visual.attn_pool."},
        {POOLED, "\"attentional_pool\"", "\"pool_type\": \"avg\", \"attentional_pool\"",
         OSPREY_UNSUPPORTED, "\"pool_type\" is avg"},
        {POOLED, "\"attn_pooler_queries\": 5", "\"attn_pooler_queries\": 6", OSPREY_FORMAT,
         "tensor \"visual.attn_pool.query\" has the shape [5, 16], but open_clip_config.json asks "
         "for [6, 16]"},
        {POOLED, "\"embed_dim\": 16", "\"embed_dim\": 24", OSPREY_FORMAT, "asks for"},
        {EVEN, "\"embed_dim\": 24", "\"embed_dim\": 27", OSPREY_FORMAT, "asks for"},
        {POOLED, "\"embed_cls\": true", "\"embed_cls\": false", OSPREY_FORMAT,
         "tensor \"text.positional_embedding\" has the shape [33, 16]"},
        {POOLED, "\"embed_cls\": true", "\"embed_cls\": true, \"pad_id\": 3", OSPREY_UNSUPPORTED,
         "a \"pad_id\" of 0"},
        {POOLED, "\"custom_text\": true", "\"custom_text\": false", OSPREY_UNSUPPORTED,
         "\"embed_cls\" is supported together with \"custom_text\""},
        {GOLDEN("openclip-eva02"), "\"text_cfg\": {", "\"text_cfg\": {\"embed_cls\": true,",
         OSPREY_FORMAT, "tensor \"text.positional_embedding\" has the shape [77, 12]"},
    };
    refuse_openclip_changes(changes, sizeof changes / sizeof *changes);
}

/* Tensors under names, and in shapes, that the towers do not have. */
static void test_hostile_tensors_are_named(void **state)
{
    (void)state;
    static const openclip_change changes[] = {
        {POOLED, "text.cls_emb", "text.cls_amb", OSPREY_NOT_FOUND, "\"text.cls_emb\" is missing"},
        {POOLED, "attn_pool.query", "attn_pool.quary", OSPREY_NOT_FOUND, "visual.attn_pool.query"},
        {POOLED, "attn.v_proj_weight", "attn.w_proj_weight", OSPREY_NOT_FOUND,
         "visual.attn_pool.attn.v_proj_weight"},
        {POOLED, "attn_pool.ln_k.bias", "attn_pool.ln_x.bias", OSPREY_NOT_FOUND,
         "visual.attn_pool.ln_k.bias"},
        {POOLED, "attn_pool.ln_q.weight", "attn_pool.ln_x.weight", OSPREY_NOT_FOUND,
         "visual.attn_pool.ln_q.weight"},
        {EVEN, "attn_pool.attn.in_proj_weight", "attn_pool.attn.on_proj_weight", OSPREY_NOT_FOUND,
         "visual.attn_pool.attn.in_proj_weight"},
        {POOLED, "attn_pool.attn.in_proj_bias", "attn_pool.attn.on_proj_bias", OSPREY_NOT_FOUND,
         "visual.attn_pool.attn.in_proj_bias"},
        {POOLED, "[5,16]", "[16,5]", OSPREY_FORMAT, "asks for [5, 16]"},
        {POOLED, "[33,16]", "[16,33]", OSPREY_FORMAT, "asks for [33, 16]"},
        {POOLED, "[16,24]", "[24,16]", OSPREY_FORMAT, "asks for [16, 24]"},
        {POOLED, "text_decoder.ln_final.bias", "visual.decod.ln_final.bias", OSPREY_FORMAT,
         "tensor \"visual.decod.ln_final.bias\" has no place in the model"},
    };
    refuse_openclip_tensors(changes, sizeof changes / sizeof *changes);
}

/* Of another architecture than is named. */
static void test_bare_weights_are_held_against_names(void **state)
{
    (void)state;
    static const char file[] = POOLED "/" OPENCLIP_WEIGHTS;
    osprey_error error = {0};
    osprey_model *model = NULL;
    const osprey_model_options options = {.arch = "coca_ViT-B-32"};
    assert_int_equal(osprey_model_open_with(file, &options, &model, &error), OSPREY_FORMAT);
    assert_non_null(strstr(error.message, "but coca_ViT-B-32 asks for [768, 3, 32, 32]"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_towers_are_described),
        cmocka_unit_test(test_padding_changes_nothing),
        cmocka_unit_test(test_contradictions_are_named),
        cmocka_unit_test(test_hostile_tensors_are_named),
        cmocka_unit_test(test_bare_weights_are_held_against_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
