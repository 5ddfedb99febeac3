/* SPDX-License-Identifier: Apache-2.0 */
/* Templates: the built-in ones, where the label goes, what is refused. */
#include "base/memory.h"
#include "cmocka_all.h"
#include "input/text/templates.h"

#include <osprey/task.h>

#include <string.h>

static void assert_filled(const char *text, const char *label, const char *expected)
{
    osprey__template parsed;
    char *prompt = NULL;
    osprey_error error;
    assert_int_equal(osprey__template_parse(text, &parsed, &error), OSPREY_OK);
    assert_int_equal(osprey__template_fill(&parsed, label, &prompt, &error), OSPREY_OK);
    assert_string_equal(prompt, expected);
    osprey__free(prompt);
}

static void test_label_takes_its_place(void **state)
{
    (void)state;
    assert_filled("a photo of a {}.", "dog", "a photo of a dog.");
    assert_filled("{label} in the snow", "dog", "dog in the snow");
    assert_filled("{}", "an {odd} label", "an {odd} label");
    assert_filled("{label}", "{}", "{}");
    assert_filled("a {curious} {} and a {", "cat", "a {curious} cat and a {");
    assert_filled("{{}}", "cat", "{cat}");
}

static void assert_refused(const char *text, const char *reason)
{
    osprey__template parsed;
    osprey_error error;
    assert_int_equal(osprey__template_parse(text, &parsed, &error), OSPREY_INVALID_ARGUMENT);
    assert_string_equal(error.subject, text);
    assert_non_null(strstr(error.message, reason));
}

static void test_one_place_is_needed(void **state)
{
    (void)state;
    assert_refused("a photo of a dog.", "no place for the label");
    assert_refused("", "no place for the label");
    assert_refused("{ }", "no place for the label");
    assert_refused("a {} beside a {}", "more than one place");
    assert_refused("a {label} beside a {}", "more than one place");
    assert_refused("a {} beside a {label}", "more than one place");
}

static void test_builtin_templates(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t count;
        const char *first, *last;
    } expected[] = {
        {"imagenet", 80, "a bad photo of a {}.", "a tattoo of the {}."},
        {"simple", 7, "itap of a {}.", "a photo of the small {}."},
        {"none", 1, "{}", "{}"},
    };
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const char *const *templates;
        size_t count;
        osprey__template parsed;
        assert_int_equal(osprey_templates_builtin(expected[i].name, &templates, &count, NULL),
                         OSPREY_OK);
        assert_int_equal(count, expected[i].count);
        assert_string_equal(templates[0], expected[i].first);
        assert_string_equal(templates[count - 1], expected[i].last);
        for (size_t t = 0; t < count; t++)
            assert_int_equal(osprey__template_parse(templates[t], &parsed, NULL), OSPREY_OK);
    }
}

static void test_simple_are_among_imagenet(void **state)
{
    (void)state;
    const char *const *imagenet, *const *simple;
    size_t imagenet_count, simple_count;
    osprey_templates_builtin("imagenet", &imagenet, &imagenet_count, NULL);
    osprey_templates_builtin("simple", &simple, &simple_count, NULL);
    for (size_t i = 0; i < simple_count; i++) {
        size_t found = 0;
        for (size_t j = 0; j < imagenet_count; j++) found += !strcmp(simple[i], imagenet[j]);
        assert_int_equal(found, 1);
    }
}

static void test_unknown_name(void **state)
{
    (void)state;
    const char *const *templates;
    size_t count;
    osprey_error error;
    assert_int_equal(osprey_templates_builtin("cifar", &templates, &count, &error),
                     OSPREY_NOT_FOUND);
    assert_string_equal(error.subject, "cifar");
    assert_non_null(strstr(error.message, "imagenet"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_label_takes_its_place),
        cmocka_unit_test(test_one_place_is_needed),
        cmocka_unit_test(test_builtin_templates),
        cmocka_unit_test(test_simple_are_among_imagenet),
        cmocka_unit_test(test_unknown_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
