/* SPDX-License-Identifier: Apache-2.0 */
/* BERT towers whose files contradict each other, or are not all there: what is said of them. */
#include "cmocka_all.h"
#include "test_directory.h"

#include <osprey/model.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MEAN    OSPREY_TEST_DIR "/golden/models/hf-bert-mean"
#define FIRST   OSPREY_TEST_DIR "/golden/models/hf-bert-first"
#define CHINESE OSPREY_TEST_DIR "/golden/models/hf-chinese-clip"
#define ROBERTA OSPREY_TEST_DIR "/golden/models/hf-xlm-roberta-mean"

/* The model with one file left out or changed. */
typedef struct change {
    const char *source, *file;
    const char *from, *to; /* NULL: the file is left out */
    osprey_status status;
    const char *words;
} change;

static void link_others(const test_directory *d, const char *source, const char *file)
{
    static const char *const files[] = {
        "config.json",    "model.safetensors",     "modules.json", "sentence_bert_config.json",
        "tokenizer.json", "tokenizer_config.json", "vocab.txt",    "preprocessor_config.json",
        "1_Pooling",
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[1024];
        struct stat info;
        snprintf(path, sizeof path, "%s/%s", source, files[i]);
        if (strcmp(files[i], file) != 0 && stat(path, &info) == 0)
            test_directory_link(d, source, files[i]);
    }
}

static void assert_refused(const char *path, osprey_status status, const char *words)
{
    osprey_error error = {0};
    osprey_model *model = NULL;
    assert_int_equal(osprey_model_open(path, &model, &error), status);
    assert_null(model);
    if (!strstr(error.message, words) && !strstr(error.subject, words))
        fail_msg("%s: %s: \"%s\" is missing", error.subject, error.message, words);
}

static void check(const change *c)
{
    test_directory d;
    test_directory_create(&d);
    link_others(&d, c->source, c->file);
    if (c->from) test_directory_replace(&d, c->source, c->file, c->from, c->to);
    assert_refused(d.path, c->status, c->words);
    test_directory_free(&d);
}

static void test_contradictions_are_named(void **state)
{
    (void)state;
    static const change changes[] = {
        {MEAN, "config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3",
         OSPREY_NOT_FOUND, "encoder.layer.2.attention.self.query.weight"},
        {MEAN, "config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1", OSPREY_FORMAT,
         "encoder.layer.1."},
        {MEAN, "config.json", "\"type_vocab_size\": 2", "\"type_vocab_size\": 3", OSPREY_FORMAT,
         "embeddings.token_type_embeddings.weight"},
        {MEAN, "config.json", "\"max_position_embeddings\": 40", "\"max_position_embeddings\": 41",
         OSPREY_FORMAT, "embeddings.position_embeddings.weight"},
        {MEAN, "config.json", "\"vocab_size\": ", "\"vocab_size\": 1", OSPREY_FORMAT,
         "that of another model"},
        {MEAN, "config.json", "\"hidden_act\": \"gelu\"", "\"hidden_act\": \"silu\"",
         OSPREY_UNSUPPORTED, "\"silu\""},
        {MEAN, "config.json", "\"num_attention_heads\": 4", "\"num_attention_heads\": 5",
         OSPREY_FORMAT, "heads"},
        {MEAN, "config.json", "\"is_decoder\": false", "\"is_decoder\": true", OSPREY_UNSUPPORTED,
         "is_decoder"},
        {CHINESE, "config.json", "\"absolute\"", "\"relative_key\"", OSPREY_UNSUPPORTED,
         "relative_key"},
        {CHINESE, "config.json", "\"projection_dim\": 20", "\"projection_dim\": 21", OSPREY_FORMAT,
         "projection.weight"},
        {ROBERTA, "config.json", "\"max_position_embeddings\": 42",
         "\"max_position_embeddings\": 3", OSPREY_FORMAT,
         "leaves a text no two tokens behind the positions up to \"pad_token_id\", 1"},
        {ROBERTA, "config.json", "\"pad_token_id\": 1", "\"pad_token_id\": 4000000000",
         OSPREY_FORMAT, "max_position_embeddings"},
        {ROBERTA, "config.json", "\"xlm-roberta\"", "\"xlm-roberta-xl\"", OSPREY_UNSUPPORTED,
         "\"bert\", \"roberta\" and \"xlm-roberta\""},
        {CHINESE, "preprocessor_config.json", "ChineseCLIPImageProcessor", "ViTImageProcessor",
         OSPREY_UNSUPPORTED, "ViTImageProcessor"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) check(&changes[i]);
}

static void test_tokenizers_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const change changes[] = {
        {CHINESE, "vocab.txt", NULL, NULL, OSPREY_NOT_FOUND, "vocab.txt"},
        {CHINESE, "vocab.txt", "[CLS]", "[cls]", OSPREY_FORMAT, "[CLS] is missing"},
        {MEAN, "tokenizer.json", "\"WordPiece\"", "\"Unigram\"", OSPREY_UNSUPPORTED,
         "BertNormalizer"},
        {MEAN, "tokenizer.json", "\"WordPiece\"", "\"BPE\"", OSPREY_UNSUPPORTED, "BertNormalizer"},
        {MEAN, "tokenizer.json", "\"BertNormalizer\"", "\"Lowercase\"", OSPREY_UNSUPPORTED,
         "Lowercase"},
        {MEAN, "tokenizer.json", "\"[CLS]\": 7,", "\"[CLS]\": -7,", OSPREY_FORMAT, "[CLS]"},
        {MEAN, "tokenizer.json", "\"[CLS]\": 7,", "\"[CLS]\": 99999999,", OSPREY_FORMAT, "[CLS]"},
        {ROBERTA, "tokenizer.json", NULL, NULL, OSPREY_NOT_FOUND, "tokenizer.json is missing"},
        {ROBERTA, "tokenizer.json", "\"Metaspace\"", "\"ByteLevel\"", OSPREY_UNSUPPORTED,
         "ByteLevel"},
        {ROBERTA, "config.json", "\"vocab_size\": ", "\"vocab_size\": 1", OSPREY_FORMAT,
         "that of another model"},
        {FIRST, "tokenizer_config.json", "\"BertTokenizer\"", "\"RobertaTokenizer\"",
         OSPREY_UNSUPPORTED, "RobertaTokenizer"},
        {FIRST, "tokenizer_config.json", "\"do_basic_tokenize\": true",
         "\"do_basic_tokenize\": false", OSPREY_UNSUPPORTED, "do_basic_tokenize"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) check(&changes[i]);
}

static void test_modules_that_osprey_lacks_are_named(void **state)
{
    (void)state;
    static const change changes[] = {
        {MEAN, "modules.json", "models.Normalize", "models.Dense", OSPREY_UNSUPPORTED,
         "module 2 is \"Dense\""},
        {MEAN, "modules.json", "\"path\": \"\"", "\"path\": \"0_Transformer\"", OSPREY_UNSUPPORTED,
         "0_Transformer"},
        {MEAN, "modules.json", "1_Pooling", "../1_Pooling", OSPREY_FORMAT, "Pooling module"},
        {MEAN, "modules.json", "\"1_Pooling\"", "\"7_Pooling\"", OSPREY_NOT_FOUND,
         "7_Pooling/config.json is missing"},
        {MEAN, "modules.json", "{", "[", OSPREY_FORMAT, "modules.json"},
        {MEAN, "sentence_bert_config.json", "false", "true", OSPREY_UNSUPPORTED, "do_lower_case"},
        {MEAN, "sentence_bert_config.json", "30", "0", OSPREY_FORMAT, "max_seq_length"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) check(&changes[i]);
}

/* The Pooling module's own file, which lies in a directory. */
static void test_other_poolings_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *words;
    } cases[] = {
        {"\"pooling_mode_max_tokens\": false", "\"pooling_mode_max_tokens\": true",
         "several modes of pooling"},
        {"\"pooling_mode_mean_tokens\"", "\"pooling_mode_lasttoken\"", "\"lasttoken\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_directory d, inner;
        test_directory_create(&d);
        link_others(&d, MEAN, "1_Pooling");
        snprintf(inner.path, sizeof inner.path, "%.40s/1_Pooling", d.path);
        assert_int_equal(mkdir(inner.path, 0700), 0);
        test_directory_replace(&inner, MEAN "/1_Pooling", "config.json", cases[i].from,
                               cases[i].to);
        assert_refused(d.path, OSPREY_UNSUPPORTED, cases[i].words);
        test_directory_free(&inner);
        test_directory_free(&d);
    }
}

/* Without modules.json it is the mean, and texts are as long as there are positions. */
static void test_a_bert_by_itself_opens(void **state)
{
    (void)state;
    static const char *const left_out[] = {"modules.json", "sentence_bert_config.json"};
    static const size_t contexts[] = {30, 40};
    for (size_t i = 0; i < 2; i++) {
        test_directory d;
        osprey_error error;
        osprey_model *model = NULL;
        test_directory_create(&d);
        link_others(&d, MEAN, left_out[i]);
        if (osprey_model_open(d.path, &model, &error) != OSPREY_OK)
            fail_msg("%s: %s", error.subject, error.message);
        assert_int_equal(osprey_model_get_info(model)->context_length, contexts[i]);
        osprey_model_free(model);
        test_directory_free(&d);
    }
}

/* The padding's position, and those before, are no text's. */
static void test_a_roberta_has_fewer_tokens_than_positions(void **state)
{
    (void)state;
    osprey_error error;
    osprey_model *model = NULL;
    if (osprey_model_open(ROBERTA, &model, &error) != OSPREY_OK)
        fail_msg("%s: %s", error.subject, error.message);
    assert_int_equal(osprey_model_get_info(model)->context_length, 40);
    osprey_model_free(model);
}

/* As sentence-transformers 6 writes them: the mode by its name, the limit with the tokenizer. */
static void test_newer_files_open(void **state)
{
    (void)state;
    static const char pooling[] = "{\"embedding_dimension\": 32, \"pooling_mode\": \"cls\"}";
    test_directory d, inner;
    char path[128];
    osprey_error error;
    osprey_model *model = NULL;
    test_directory_create(&d);
    link_others(&d, FIRST, "1_Pooling");
    static const char *const changed[] = {"modules.json", "tokenizer_config.json",
                                          "sentence_bert_config.json"};
    for (size_t i = 0; i < 3; i++) test_directory_remove(&d, changed[i]);
    test_directory_replace(&d, FIRST, changed[0], "models.Pooling",
                           "sentence_transformer.modules.pooling.Pooling");
    test_directory_replace(&d, FIRST, changed[1], "\"model_max_length\": 512",
                           "\"model_max_length\": 20");
    test_directory_replace(&d, FIRST, changed[2], "\"max_seq_length\": 32,",
                           "\"transformer_task\": \"feature-extraction\",");
    snprintf(inner.path, sizeof inner.path, "%.40s/1_Pooling", d.path);
    assert_int_equal(mkdir(inner.path, 0700), 0);
    snprintf(path, sizeof path, "%s/config.json", inner.path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(pooling, file);
    assert_int_equal(fclose(file), 0);
    if (osprey_model_open(d.path, &model, &error) != OSPREY_OK)
        fail_msg("%s: %s", error.subject, error.message);
    assert_int_equal(osprey_model_get_info(model)->context_length, 20);
    osprey_model_free(model);
    snprintf(path, sizeof path, "%s/config_sentence_transformers.json", d.path);
    file = fopen(path, "wb");
    assert_non_null(file);
    fputs("{\"default_prompt_name\": \"query\"}", file);
    assert_int_equal(fclose(file), 0);
    assert_refused(d.path, OSPREY_UNSUPPORTED, "\"default_prompt_name\" is \"query\"");
    test_directory_free(&inner);
    test_directory_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contradictions_are_named),
        cmocka_unit_test(test_tokenizers_that_do_not_fit_are_refused),
        cmocka_unit_test(test_modules_that_osprey_lacks_are_named),
        cmocka_unit_test(test_other_poolings_are_refused),
        cmocka_unit_test(test_a_bert_by_itself_opens),
        cmocka_unit_test(test_a_roberta_has_fewer_tokens_than_positions),
        cmocka_unit_test(test_newer_files_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
