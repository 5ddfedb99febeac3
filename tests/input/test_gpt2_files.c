/* SPDX-License-Identifier: Apache-2.0 */
/* RoBERTa's vocab.json, merges.txt and tokenizer.json: the words of GPT-2's pattern, and what is
 * said of files that are damaged, not all there, or another's. */
#include "cmocka_all.h"
#include "input/text/text_tokenizer.h"
#include "input/text/word_patterns.h"
#include "test_directory.h"

#include <string.h>

#define FILES OSPREY_TEST_DIR "/input/data/roberta_files"
#define JSON  OSPREY_TEST_DIR "/input/data/roberta"

static const char *const names[] = {"vocab.json", "merges.txt", "tokenizer.json",
                                    "tokenizer_config.json"};

/* One of the files with a part replaced, or left out where there is none. */
typedef struct change {
    const char *source, *file, *from, *to;
    osprey_status status;
    const char *words; /* of the subject or the message */
} change;

static void check(const change *c)
{
    test_directory d;
    osprey_tokenizer *tokenizer;
    osprey__tokenizer_files files;
    osprey_error error = {0};
    test_directory_create(&d);
    const bool has_json = strcmp(c->source, JSON) == 0;
    for (size_t i = has_json ? 2 : 0; i < (has_json ? 4u : 2u); i++)
        if (strcmp(names[i], c->file) != 0) test_directory_link(&d, c->source, names[i]);
    if (c->from) test_directory_replace(&d, c->source, c->file, c->from, c->to);
    osprey_status status = osprey__tokenizer_open_bert(d.path, "", &tokenizer, &files, &error);
    if (status != c->status ||
        (!strstr(error.message, c->words) && !strstr(error.subject, c->words)))
        fail_msg("%s of %s: %d, %s: %s", c->to ? c->to : "no", c->file, (int)status, error.subject,
                 error.message);
    assert_null(tokenizer);
    test_directory_free(&d);
}

static void test_damaged_and_foreign_files(void **state)
{
    (void)state;
    static const change changes[] = {
        {FILES, "merges.txt", NULL, NULL, OSPREY_FORMAT, "without merges.txt"},
        {FILES, "vocab.json", NULL, NULL, OSPREY_NOT_FOUND, "vocab.json with merges.txt"},
        {FILES, "merges.txt", "\nc a\n", "\n", OSPREY_FORMAT, "no merge makes \"ca\""},
        {FILES, "merges.txt", "\nc a\n", "\nca\n", OSPREY_FORMAT,
         "has to be two tokens with a space between"},
        {FILES, "merges.txt", "\nc a\n", "\nc a\nt t\xff\n", OSPREY_FORMAT, "is not UTF-8"},
        {FILES, "merges.txt", "\nc a\n", "\nc a\nca qq\n", OSPREY_FORMAT,
         "\"qq\" is not a token of the vocabulary"},
        {FILES, "vocab.json", "{", "[", OSPREY_FORMAT, "not valid JSON"},
        {FILES, "vocab.json", "\"<s>\"", "\"<t>\"", OSPREY_FORMAT,
         "\"<s>\" is not in the vocabulary"},
        {FILES, "vocab.json", "\"</s>\": 2", "\"</s>\": \"2\"", OSPREY_FORMAT, "\"</s>\""},
        {FILES, "vocab.json", "\"A\"", "\"\\u00fe\\u00fe\"", OSPREY_FORMAT, "no merge makes"},
        {FILES, "vocab.json", "\"A\"", "\"<A>\"", OSPREY_FORMAT,
         "lacks \"A\", which stands for the byte 0x41"},
        {JSON, "tokenizer.json", "\"add_prefix_space\": false, \"trim_offsets\": true}, \"post",
         "\"add_prefix_space\": true}, \"post", OSPREY_UNSUPPORTED,
         "ByteLevel with add_prefix_space"},
        {JSON, "tokenizer.json", "\"add_prefix_space\": false, \"trim_offsets\": true}, \"post",
         "\"add_prefix_space\": false, \"use_regex\": false}, \"post", OSPREY_UNSUPPORTED,
         "ByteLevel without use_regex"},
        {JSON, "tokenizer_config.json", "\"add_prefix_space\": false", "\"add_prefix_space\": true",
         OSPREY_UNSUPPORTED, "\"add_prefix_space\" is set in tokenizer_config.json"},
        {JSON, "tokenizer.json", "[\"<s>\", 0]", "[\"<s>\", 2]", OSPREY_FORMAT, "\"cls\""},
        {JSON, "tokenizer.json", "[\"</s>\", 2]", "[\"</t>\", 2]", OSPREY_FORMAT, "\"sep\""},
        {JSON, "tokenizer.json", "\"RobertaProcessing\"", "\"ByteLevel\"", OSPREY_UNSUPPORTED,
         "RoBERTa's \"RobertaProcessing\""},
        {JSON, "tokenizer.json", "\"end_of_word_suffix\": \"\"", "\"end_of_word_suffix\": \"</w>\"",
         OSPREY_UNSUPPORTED, "a suffix"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) check(&changes[i]);
}

/* Words with bars between them. */
static void test_words(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"a photo  of\n cats", "a| photo| | of|\n| cats"},
        {"it's 12x3, isn't'Tit'", "it|'s| 12|x|3|,| isn|'t|'|Tit|'"},
        {" ' 'll'", " '| '|ll|'"},
        {"end \t\n", "end| \t\n"},
        {"  ", "  "},
        {"\t\ta", "\t|\t|a"},
        {"we\xe2\x80\x99re \xe7\x8c\xab\xf0\x9f\xa6\x85",
         "we|\xe2\x80\x99|re| \xe7\x8c\xab|\xf0\x9f\xa6\x85"},
        {"e\xcc\x81\xc2\xbd\xc2\xa0x", "e|\xcc\x81|\xc2\xbd|\xc2\xa0|x"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        osprey__code_points text = {0};
        osprey__buffer words = {0};
        assert_int_equal(
            osprey__code_points_decode(&text, cases[i].text, strlen(cases[i].text), NULL),
            OSPREY_OK);
        for (size_t at = 0, length; at < text.count; at += length) {
            length = osprey__match_gpt2_word((osprey__text_span){text.at + at, text.count - at});
            assert_true(length > 0 && length <= text.count - at);
            assert_int_equal(osprey__buffer_append(&words, "|", at > 0, NULL), OSPREY_OK);
            assert_int_equal(osprey__code_points_print(text.at + at, length, &words, NULL),
                             OSPREY_OK);
        }
        assert_int_equal(osprey__buffer_append(&words, "", 1, NULL), OSPREY_OK);
        assert_string_equal((const char *)words.bytes, cases[i].words);
        osprey__buffer_free(&words);
        osprey__code_points_free(&text);
    }
}

/* tokenizer.json is read where both are. */
static void test_files_are_named(void **state)
{
    (void)state;
    test_directory d;
    osprey_tokenizer *tokenizer;
    osprey__tokenizer_files files;
    test_directory_create(&d);
    test_directory_link(&d, FILES, "vocab.json");
    test_directory_link(&d, FILES, "merges.txt");
    assert_int_equal(osprey__tokenizer_open_bert(d.path, "", &tokenizer, &files, NULL), OSPREY_OK);
    assert_int_equal(files.count, 2);
    assert_string_equal(files.names[0], "vocab.json");
    assert_string_equal(files.names[1], "merges.txt");
    osprey__tokenizer_free(tokenizer);
    test_directory_link(&d, JSON, "tokenizer.json");
    test_directory_link(&d, JSON, "tokenizer_config.json");
    assert_int_equal(osprey__tokenizer_open_bert(d.path, "whitespace", &tokenizer, &files, NULL),
                     OSPREY_OK);
    assert_int_equal(files.count, 2);
    assert_string_equal(files.names[0], "tokenizer.json");
    assert_string_equal(files.names[1], "tokenizer_config.json");
    osprey__tokenizer_free(tokenizer);
    test_directory_free(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damaged_and_foreign_files),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_files_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
