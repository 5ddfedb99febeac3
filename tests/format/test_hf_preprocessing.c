/* SPDX-License-Identifier: Apache-2.0 */
/* preprocessor_config.json. Wanted values are those of transformers 5.23. */
#include "cmocka_all.h"
#include "format/format_files.h"
#include "format/model_config.h"

#include <stdio.h>
#include <string.h>

static osprey_status preprocess(size_t image_size, const char *text, osprey_preprocessing *how,
                                osprey_error *error)
{
    osprey__model_config config = {
        .image = {.image_height = image_size, .image_width = image_size}};
    json_t *root = json_of(text);
    osprey_status status = osprey__preprocessor_config_parse(root, "preprocessor_config.json",
                                                             "config.json", &config, error);
    json_decref(root);
    *how = config.preprocessing;
    return status;
}

/* The same for a model of pictures in any proportions; *side: of the largest square. */
static osprey_status preprocess_naflex(size_t patch_size, const char *text,
                                       osprey_preprocessing *how, size_t *side, osprey_error *error)
{
    osprey__model_config config = {
        .image = {.patch_size = patch_size, .position_side = 16, .attention_pooled = true}};
    json_t *root = json_of(text);
    osprey_status status = osprey__preprocessor_config_parse(root, "preprocessor_config.json",
                                                             "config.json", &config, error);
    json_decref(root);
    *how = config.preprocessing;
    *side = config.image.image_height;
    return status;
}

static osprey_preprocessing preprocess_well(size_t image_size, const char *text)
{
    osprey_preprocessing how;
    osprey_error error;
    if (preprocess(image_size, text, &how, &error) != OSPREY_OK)
        fail_msg("%s: %s", error.subject, error.message);
    return how;
}

static void test_old_and_new_preprocessing_agree(void **state)
{
    (void)state;
    const char *const same[] = {
        "{}",
        "{'crop_size':224,'do_center_crop':true,'do_normalize':true,'do_resize':true,"
        "'feature_extractor_type':'CLIPFeatureExtractor','image_mean':[0.48145466,0.4578275,"
        "0.40821073],'image_std':[0.26862954,0.26130258,0.27577711],'resample':3,'size':224}",
        "{'crop_size':{'height':224,'width':224},'do_convert_rgb':true,'do_rescale':true,"
        "'image_processor_type':'CLIPImageProcessor','rescale_factor':0.00392156862745098,"
        "'size':{'shortest_edge':224},'do_pad':null,'processor_class':'CLIPProcessor'}",
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        const osprey_preprocessing how = preprocess_well(224, same[i]);
        assert_int_equal(how.resize, OSPREY_RESIZE_SHORTEST);
        assert_int_equal(how.resize_height, 224);
        assert_int_equal(how.resample, OSPREY_RESAMPLE_BICUBIC);
        assert_true(how.center_crop && how.rescale && how.normalize);
        assert_false(how.crop_rounds_half_even);
        assert_int_equal(how.crop_height, 224);
        assert_int_equal(how.crop_width, 224);
        assert_true(how.rescale_factor == 1.0F / 255);
        assert_true(how.mean[0] == 0.48145466F && how.mean[2] == 0.40821073F);
        assert_true(how.std[0] == 0.26862954F && how.std[2] == 0.27577711F);
    }
}

static void test_preprocessing_steps(void **state)
{
    (void)state;
    osprey_preprocessing how = preprocess_well(
        64, "{'size':{'height':64,'width':64},'do_center_crop':null,'resample':2,'do_rescale':"
            "false,'do_normalize':false,'image_std':0,'image_mean':0.5,'rescale_factor':2}");
    assert_int_equal(how.resize, OSPREY_RESIZE_EXACT);
    assert_int_equal(how.resize_width, 64);
    assert_int_equal(how.resample, OSPREY_RESAMPLE_BILINEAR);
    assert_false(how.center_crop || how.rescale || how.normalize);
    assert_int_equal(how.crop_height, 64);
    assert_true(how.mean[1] == 0.5F && how.rescale_factor == 2);

    how = preprocess_well(64, "{'do_resize':false,'do_center_crop':false}");
    assert_int_equal(how.resize, OSPREY_RESIZE_NONE);
    assert_int_equal(how.crop_width, 64);
    how = preprocess_well(64, "{'size':72,'crop_size':64}");
    assert_int_equal(how.resize_height, 72);
    assert_int_equal(how.crop_height, 64);
}

static void test_pictures_are_cut_into_patches(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t patch_size, max_patches, side;
        osprey_resample resample;
    } right[] = {
        {"{}", 16, 256, 256, OSPREY_RESAMPLE_BILINEAR},
        {"{'image_processor_type':'Siglip2ImageProcessorFast','max_num_patches':1000,"
         "'patch_size':14,'resample':3,'do_convert_rgb':null,'do_resize':true}",
         14, 1000, 31 * 14, OSPREY_RESAMPLE_BICUBIC},
    };
    static const struct {
        const char *text;
        osprey_status status;
        const char *message_part;
    } wrong[] = {
        {"{'image_processor_type':'SiglipImageProcessor','size':256}", OSPREY_FORMAT,
         "takes pictures in any proportions"},
        {"{'patch_size':14}", OSPREY_FORMAT,
         "\"patch_size\" is 14, but the model in config.json has patches of 16 pixels"},
        {"{'max_num_patches':0}", OSPREY_FORMAT, "\"max_num_patches\" is 0"},
        {"{'max_num_patches':65537}", OSPREY_LIMIT, "max_num_patches"},
        {"{'do_resize':false}", OSPREY_UNSUPPORTED, "do_resize"},
        {"{'image_std':0}", OSPREY_FORMAT, "image_std"},
    };
    osprey_preprocessing how;
    osprey_error error;
    size_t side;
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        if (preprocess_naflex(right[i].patch_size, right[i].text, &how, &side, &error) != OSPREY_OK)
            fail_msg("%s: %s", error.subject, error.message);
        assert_int_equal(how.resize, OSPREY_RESIZE_PATCHES);
        assert_int_equal(how.patch_size, right[i].patch_size);
        assert_int_equal(how.max_patches, right[i].max_patches);
        assert_int_equal(how.resample, right[i].resample);
        assert_int_equal(side, right[i].side);
        assert_true(how.rescale && how.normalize && how.mean[0] == 0.5F && how.std[2] == 0.5F);
        assert_int_equal(osprey_preprocessing_floats(&how),
                         (1 + how.max_patches) * 3 * how.patch_size * how.patch_size);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        osprey_status got = preprocess_naflex(16, wrong[i].text, &how, &side, &error);
        assert_refused(got, &error, wrong[i].status, "preprocessor_config.json",
                       wrong[i].message_part);
    }
}

static void test_refuses_wrong_preprocessing(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        osprey_status status;
        const char *message_part;
    } refusals[] = {
        {"[]", OSPREY_FORMAT, "JSON object"},
        {"{'size':336,'crop_size':336}", OSPREY_FORMAT,
         "\"crop_size\" gives pictures of 336x336, but the model in config.json takes 224x224"},
        {"{'size':224,'do_center_crop':false}", OSPREY_UNSUPPORTED, "\"do_center_crop\" is false"},
        {"{'size':{'height':256,'width':256},'do_center_crop':false}", OSPREY_FORMAT,
         "\"size\" gives pictures of 256"},
        {"{'size':{'height':224,'width':200},'do_center_crop':false}", OSPREY_FORMAT, "200x224"},
        {"{'size':'224'}", OSPREY_FORMAT, "\"size\""},
        {"{'size':0}", OSPREY_FORMAT, "\"size\" is 0"},
        {"{'size':1e3}", OSPREY_FORMAT, "\"size\""},
        {"{'size':{'longest_edge':224}}", OSPREY_UNSUPPORTED, "\"shortest_edge\""},
        {"{'size':{'shortest_edge':224,'longest_edge':500}}", OSPREY_UNSUPPORTED, "\"size\""},
        {"{'crop_size':{'shortest_edge':224}}", OSPREY_UNSUPPORTED, "\"crop_size\""},
        {"{'crop_size':{'height':224,'width':-1}}", OSPREY_FORMAT, "\"width\""},
        {"{'crop_size':100000}", OSPREY_LIMIT, "\"crop_size\""},
        {"{'resample':6}", OSPREY_FORMAT, "\"resample\" is 6"},
        {"{'do_resize':1}", OSPREY_FORMAT, "\"do_resize\""},
        {"{'do_pad':true}", OSPREY_UNSUPPORTED, "\"do_pad\""},
        {"{'image_mean':[1,2]}", OSPREY_FORMAT, "\"image_mean\""},
        {"{'image_mean':[1,2,'3']}", OSPREY_FORMAT, "\"image_mean\""},
        {"{'image_std':[1,1e39,1]}", OSPREY_FORMAT, "\"image_std\""},
        {"{'image_std':[1,0,1]}", OSPREY_FORMAT, "\"image_std\" has a standard deviation of 0"},
        {"{'image_std':[-1,1,1]}", OSPREY_FORMAT, "\"image_std\" has a standard deviation of -1"},
        {"{'image_processor_type':'ViTImageProcessor'}", OSPREY_UNSUPPORTED, "ViTImageProcessor"},
        {"{'image_processor_type':'Siglip2ImageProcessor'}", OSPREY_FORMAT,
         "in any proportions into patches; the model in config.json takes 224x224"},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        osprey_preprocessing how;
        osprey_error error;
        osprey_status got = preprocess(224, refusals[i].text, &how, &error);
        assert_refused(got, &error, refusals[i].status, "preprocessor_config.json",
                       refusals[i].message_part);
    }
}

static void test_directory_says_where_preprocessing_is(void **state)
{
    (void)state;
    osprey__model_config config;
    osprey_error error;
    char directory[512];
    snprintf(directory, sizeof directory, "%s", in_directory("."));
    assert_refused(osprey__hf_config_read(directory, &config, &error), &error, OSPREY_NOT_FOUND,
                   "config.json", "cannot open");

    write_text("config.json", "{'model_type':'clip','vision_config':{'image_size':64}}");
    write_text("processor_config.json", "{'processor_class':'CLIPProcessor'}");
    assert_refused(osprey__hf_config_read(directory, &config, &error), &error, OSPREY_NOT_FOUND,
                   directory, "preprocessor_config.json is missing");

    write_text("preprocessor_config.json", "{'size':72,'crop_size':64}");
    assert_int_equal(osprey__hf_config_read(directory, &config, &error), OSPREY_OK);
    assert_string_equal(config.preprocessing_file, "preprocessor_config.json");
    assert_int_equal(config.preprocessing.resize_height, 72);

    write_text("processor_config.json", "{'image_processor':{'size':80,'crop_size':64}}");
    assert_int_equal(osprey__hf_config_read(directory, &config, &error), OSPREY_OK);
    assert_string_equal(config.preprocessing_file, "processor_config.json");
    assert_int_equal(config.preprocessing.resize_height, 80);

    write_text("processor_config.json", "{'image_processor':{'size':64}}");
    osprey_status got = osprey__hf_config_read(directory, &config, &error);
    assert_refused(got, &error, OSPREY_FORMAT, "processor_config.json", "/config.json takes 64x64");
    write_text("processor_config.json", "{'a':1,'a':2}");
    got = osprey__hf_config_read(directory, &config, &error);
    assert_refused(got, &error, OSPREY_FORMAT, "processor_config.json", "duplicate");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_old_and_new_preprocessing_agree),
        cmocka_unit_test(test_preprocessing_steps),
        cmocka_unit_test(test_pictures_are_cut_into_patches),
        cmocka_unit_test(test_refuses_wrong_preprocessing),
        cmocka_unit_test_setup_teardown(test_directory_says_where_preprocessing_is, make_directory,
                                        remove_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
