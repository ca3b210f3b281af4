/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/oip_json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/story.h"

static struct weft_slice slice_of(const char *text)
{
    struct weft_slice slice = {0};
    assert_true(weft_slice_copy(text, strlen(text), &slice));
    return slice;
}

static void read_request(const char *text, struct weft_oip_request *request)
{
    cleanup_error struct weft_error *error = NULL;
    cleanup_slice struct weft_slice body = slice_of(text);
    assert_ok(weft_oip_json_request_decode(&body, WEFT_OIP_JSON_WHOLE, request, &error), error);
}

static void refused(const char *text, const char *words)
{
    cleanup_error struct weft_error *error = NULL;
    cleanup_slice struct weft_slice body = slice_of(text);
    struct weft_oip_request request = {0};
    if (weft_oip_json_request_decode(&body, WEFT_OIP_JSON_WHOLE, &request, &error) == WEFT_OK) {
        fail_msg("%s was not refused", text);
    }
    char said[1024];
    weft_error_format(error, said, sizeof(said));
    if (strstr(said, words) == NULL) {
        fail_msg("'%s' does not say '%s'", said, words);
    }
}

static void flat_and_nested_data_are_the_same(void **state)
{
    (void)state;
    const char *texts[] = {
        "{\"id\":\"7\",\"parameters\":{\"seed\":12,\"scale\":0.5,\"scene\":\"be\\u00e4ch\",\"on\":"
        "true},"
        "\"inputs\":[{\"name\":\"x\",\"shape\":[2,3],\"datatype\":\"FP32\",\"data\":[1,2.5,-3e2,4,"
        "5,6]}]}",
        " { \"inputs\" : [ { \"data\" : [[1, 2.5, -3e2],\n[4,5,6]], \"datatype\":\"FP32\", "
        "\"extra\":{\"a\":[null]},"
        "\"name\":\"x\",\"shape\":[2,3]} ] } ",
    };
    for (size_t i = 0; i < 2; i++) {
        cleanup_oip_request struct weft_oip_request request = {0};
        read_request(texts[i], &request);
        const float expected[] = {1, 2.5f, -300, 4, 5, 6};
        const struct weft_value *value = weft_values_find(&request.inputs, "x");
        assert_int_equal(weft_value_size_bytes(value), sizeof(expected));
        assert_memory_equal(weft_value_data(value), expected, sizeof(expected));
        if (i == 0) {
            assert_string_equal(request.id, "7");
            assert_int_equal(weft_parameters_find(&request.parameters, "seed")->int64, 12);
            assert_true(weft_parameters_find(&request.parameters, "scale")->number == 0.5);
            assert_string_equal(weft_parameters_string(&request.parameters, "scene"), "be\xC3\xA4"
                                                                                      "ch");
        }
    }
}

static void every_datatype_has_its_range(void **state)
{
    (void)state;
    struct {
        const char *datatype, *data, *raw;
        size_t size_bytes;
    } good[] = {
        {"BOOL", "true,false", "\1\0", 2},
        {"INT8", "-128,127", "\x80\x7F", 2},
        {"UINT8", "255,0", "\xFF\0", 2},
        {"INT16", "-32768,1", "\0\x80\1\0", 4},
        {"UINT16", "65535,1", "\xFF\xFF\1\0", 4},
        {"INT32", "-1,2147483647", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F", 8},
        {"UINT64", "18446744073709551615,1", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\1\0\0\0\0\0\0\0",
         16},
        {"INT64", "-9223372036854775808,1", "\0\0\0\0\0\0\0\x80\1\0\0\0\0\0\0\0", 16},
        {"BYTES", "\"a\\n\\ud83d\\ude00\",\"\"", "\6\0\0\0a\n\xF0\x9F\x98\x80\0\0\0\0", 14},
    };
    char text[512];
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        snprintf(text, sizeof(text),
                 "{\"inputs\":[{\"name\":\"x\",\"shape\":[2],\"datatype\":\"%s\",\"data\":[%s]}]}",
                 good[i].datatype, good[i].data);
        cleanup_oip_request struct weft_oip_request request = {0};
        read_request(text, &request);
        const struct weft_value *value = weft_values_find(&request.inputs, "x");
        assert_int_equal(weft_value_size_bytes(value), good[i].size_bytes);
        assert_memory_equal(weft_value_data(value), good[i].raw, good[i].size_bytes);
    }
    const char *bad[][3] = {
        {"INT8", "128,0", "range"},
        {"UINT8", "-1,0", "range"},
        {"UINT16", "65536,0", "range"},
        {"INT64", "9223372036854775808,0", "range"},
        {"UINT64", "18446744073709551616,0", "range"},
        {"INT32", "1.5,0", "whole"},
        {"FP32", "1e39,0", "range"},
        {"FP32", "NaN,0", "expected"},
        {"FP16", "1,2", "JSON can't say"},
        {"BOOL", "1,0", "true or false"},
        {"BYTES", "1,2", "string"},
        {"FP32", "1", "1 elements"},
        {"FP32", "1,2,3", "more elements"},
        {"FP32", "01,2", "number"},
        {"BYTES", "\"\\ud800\",\"\"", "escape"},
        {"BYTES", "\"\xFF\",\"\"", "UTF-8"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(text, sizeof(text),
                 "{\"inputs\":[{\"name\":\"x\",\"shape\":[2],\"datatype\":\"%s\",\"data\":[%s]}]}",
                 bad[i][0], bad[i][1]);
        refused(text, bad[i][2]);
    }
}

static void base64_is_bytes(void **state)
{
    (void)state;
    cleanup_oip_request struct weft_oip_request request = {0};
    read_request("{\"inputs\":[{\"name\":\"x\",\"shape\":[2],\"datatype\":\"BYTES\",\"parameters\":"
                 "{\"content_type\":\"base64\"},\"data\":[\"/9j/4A==\",\"\"]}]}",
                 &request);
    const void *data = NULL;
    size_t size_bytes = 0;
    const struct weft_value *value = weft_values_find(&request.inputs, "x");
    assert_true(weft_value_bytes_at(value, 0, &data, &size_bytes));
    assert_int_equal(size_bytes, 4);
    assert_memory_equal(data, "\xFF\xD8\xFF\xE0", 4);
    assert_string_equal(weft_value_content_type(value), "");
    refused("{\"inputs\":[{\"name\":\"x\",\"shape\":[1],\"datatype\":\"BYTES\",\"parameters\":"
            "{\"content_type\":\"base64\"},\"data\":[\"/9j/4A=\"]}]}",
            "base64");
}

static void binary_data_is_a_part_of_the_body(void **state)
{
    (void)state;
    const char *json =
        "{\"inputs\":[{\"name\":\"a\",\"shape\":[2],\"datatype\":\"UINT8\",\"parameters\":"
        "{\"binary_data_size\":2}},{\"name\":\"b\",\"shape\":[1],\"datatype\":\"BYTES\","
        "\"parameters\":{\"binary_data_size\":5}}],\"parameters\":{\"binary_data_output\":true},"
        "\"outputs\":[{\"name\":\"y\",\"parameters\":{\"binary_data\":false}},{\"name\":\"z\"}]}";
    char body[1024];
    size_t json_bytes = strlen(json);
    memcpy(body, json, json_bytes);
    memcpy(body + json_bytes, "\7\10\1\0\0\0Q", 7);
    cleanup_slice struct weft_slice slice = {0};
    assert_true(weft_slice_copy(body, json_bytes + 7, &slice));
    cleanup_error struct weft_error *error = NULL;
    cleanup_oip_request struct weft_oip_request request = {0};
    assert_ok(weft_oip_json_request_decode(&slice, json_bytes, &request, &error), error);
    assert_ptr_equal(weft_value_data(weft_values_find(&request.inputs, "a")),
                     slice.data + json_bytes);
    assert_ptr_equal(weft_value_data(weft_values_find(&request.inputs, "b")),
                     slice.data + json_bytes + 2);
    assert_true(request.binary_outputs);
    assert_false(request.outputs[0].binary);
    assert_true(request.outputs[1].binary);
    assert_int_equal(request.parameters.count, 0);

    struct weft_oip_request none = {0};
    cleanup_slice struct weft_slice shorter = weft_slice_sub(&slice, 0, json_bytes + 6);
    assert_status(weft_oip_json_request_decode(&shorter, json_bytes, &none, NULL),
                  WEFT_INVALID_ARGUMENT);
    assert_status(weft_oip_json_request_decode(&slice, json_bytes + 100, &none, NULL),
                  WEFT_INVALID_ARGUMENT);
    assert_status(weft_oip_json_request_decode(&slice, WEFT_OIP_JSON_WHOLE, &none, NULL),
                  WEFT_INVALID_ARGUMENT);
}

static void the_raw_form_takes_the_models_only_input(void **state)
{
    (void)state;
    struct weft_model_tensor input = {.name = (char *)(uintptr_t) "x",
                                      .datatype = WEFT_FP32,
                                      .shape = {.rank = 2, .dims = {-1, 2}}};
    struct weft_model_info model = {
        .name = (char *)(uintptr_t) "m", .inputs = &input, .inputs_count = 1};
    cleanup_slice struct weft_slice body = slice_of("0123456789abcdef");
    cleanup_oip_request struct weft_oip_request request = {0};
    assert_ok(weft_oip_raw_request_decode(&body, &model, &request, NULL), NULL);
    const struct weft_value *value = weft_values_find(&request.inputs, "x");
    assert_int_equal(weft_value_shape(value)->dims[0], 2);
    assert_ptr_equal(weft_value_data(value), body.data);
    assert_true(request.binary_outputs);

    input.shape.dims[1] = 3;
    struct weft_oip_request none = {0};
    assert_status(weft_oip_raw_request_decode(&body, &model, &none, NULL), WEFT_INVALID_ARGUMENT);
    input.shape.dims[1] = -1;
    assert_status(weft_oip_raw_request_decode(&body, &model, &none, NULL), WEFT_INVALID_ARGUMENT);
    input.datatype = WEFT_BYTES;
    cleanup_oip_request struct weft_oip_request photo = {0};
    assert_ok(weft_oip_raw_request_decode(&body, &model, &photo, NULL), NULL);
    assert_int_equal(weft_value_size_bytes(photo.inputs.items[0].value), 20);
    model.inputs_count = 0;
    assert_status(weft_oip_raw_request_decode(&body, &model, &none, NULL), WEFT_INVALID_ARGUMENT);
}

static struct weft_value *floats(const float *numbers, int64_t count)
{
    struct weft_shape shape = {.rank = 1, .dims = {count}};
    struct weft_value *value = NULL;
    assert_ok(weft_value_new(WEFT_FP32, &shape, numbers, (size_t)count * 4, &value, NULL), NULL);
    return value;
}

static void numbers_come_back_as_they_were(void **state)
{
    (void)state;
    float numbers[1000];
    uint32_t bits = 12345;
    for (size_t i = 0; i < 1000; i++) {
        do {
            bits = bits * 1664525 + 1013904223;
            memcpy(&numbers[i], &bits, 4);
        } while (!isfinite(numbers[i]));
    }
    numbers[0] = 0.1f;
    cleanup_value struct weft_value *value = floats(numbers, 1000);
    cleanup_oip_response struct weft_oip_response response = {
        .model = strdup("m"), .version = strdup("1"), .id = strdup("i\"d")};
    assert_ok(weft_values_add(&response.outputs, "y", value, NULL), NULL);
    cleanup_slices struct weft_slices slices = {0};
    size_t json_bytes = 0;
    cleanup_error struct weft_error *error = NULL;
    assert_ok(weft_oip_json_response_encode(&response, NULL, &slices, &json_bytes, &error), error);
    assert_true(json_bytes == WEFT_OIP_JSON_WHOLE);
    cleanup_slice struct weft_slice body = {0};
    assert_true(weft_slices_join(&slices, &body));
    const char *head =
        "{\"model_name\":\"m\",\"model_version\":\"1\",\"id\":\"i\\\"d\",\"outputs\":"
        "[{\"name\":\"y\",\"datatype\":\"FP32\",\"shape\":[1000],\"data\":[0.1,";
    assert_memory_equal(body.data, head, strlen(head));
    cleanup_oip_response struct weft_oip_response back = {0};
    assert_ok(weft_oip_json_response_decode(&body, json_bytes, &back, &error), error);
    assert_string_equal(back.id, "i\"d");
    assert_memory_equal(weft_value_data(weft_values_find(&back.outputs, "y")), numbers,
                        sizeof(numbers));
}

static void what_json_can_not_say_is_refused_with_a_hint(void **state)
{
    (void)state;
    float numbers[] = {1, NAN};
    cleanup_value struct weft_value *value = floats(numbers, 2);
    cleanup_value struct weft_value *picture = NULL;
    assert_ok(weft_value_new_bytes("\xFF\xD8", 2, "image/jpeg", &picture, NULL), NULL);
    struct weft_value *values[] = {value, picture};
    for (size_t i = 0; i < 2; i++) {
        cleanup_oip_response struct weft_oip_response response = {0};
        assert_ok(weft_values_add(&response.outputs, "y", values[i], NULL), NULL);
        cleanup_slices struct weft_slices slices = {0};
        size_t json_bytes = 0;
        cleanup_error struct weft_error *error = NULL;
        assert_status(weft_oip_json_response_encode(&response, NULL, &slices, &json_bytes, &error),
                      WEFT_FAILED_PRECONDITION);
        assert_non_null(strstr(weft_error_hint(error), "binary_data"));
        assert_int_equal(slices.count, 0);

        cleanup_oip_request struct weft_oip_request request = {.binary_outputs = true};
        assert_ok(weft_oip_json_response_encode(&response, &request, &slices, &json_bytes, NULL),
                  NULL);
        assert_true(json_bytes == weft_slices_items(&slices)[0].size_bytes);
        assert_ptr_equal(weft_slices_items(&slices)[1].data, weft_value_data(values[i]));
    }
}

static void a_client_and_a_server_understand_each_other(void **state)
{
    (void)state;
    cleanup_error struct weft_error *error = NULL;
    float numbers[] = {1, 2};
    cleanup_value struct weft_value *value = floats(numbers, 2);
    cleanup_oip_request struct weft_oip_request request = {.id = strdup("5")};
    struct weft_oip_output *output = NULL;
    assert_ok(weft_oip_request_add_output(&request, "y", &output, NULL), NULL);
    assert_ok(weft_values_add(&request.inputs, "x", value, NULL), NULL);
    cleanup_slices struct weft_slices slices = {0};
    size_t json_bytes = 0;
    assert_ok(weft_oip_json_request_encode(&request, &slices, &json_bytes, &error), error);
    cleanup_slice struct weft_slice body = {0};
    assert_true(weft_slices_join(&slices, &body));
    cleanup_oip_request struct weft_oip_request back = {0};
    assert_ok(weft_oip_json_request_decode(&body, json_bytes, &back, &error), error);
    assert_true(back.outputs[0].binary);
    assert_string_equal(back.id, "5");
    assert_memory_equal(weft_value_data(weft_values_find(&back.inputs, "x")), numbers,
                        sizeof(numbers));
}

static void what_is_no_request_is_refused_with_its_place(void **state)
{
    (void)state;
    refused("", "object is expected");
    refused("[]", "object is expected");
    refused("{\"inputs\":[\n  {\"name\" 1}]}", "at line 2 column 11");
    refused("{} x", "behind its end");
    refused("{\"inputs\":[{\"name\":\"x\"}]}", "lacks its name, datatype or shape");
    refused("{\"inputs\":[{\"name\":\"x\",\"shape\":[1],\"datatype\":\"FLOAT\",\"data\":[1]}]}",
            "datatype is unknown");
    refused("{\"inputs\":[{\"name\":\"x\",\"shape\":[1],\"datatype\":\"FP32\"}]}",
            "neither data nor");
    refused("{\"inputs\":[{\"name\":\"x\",\"shape\":[-1],\"datatype\":\"FP32\",\"data\":[1]}]}",
            "negative");
    refused("{\"inputs\":[{\"name\":\"x\",\"shape\":[1000000000,1000],\"datatype\":\"FP32\","
            "\"data\":[1]}]}",
            "more than");
    refused(
        "{\"inputs\":[{\"name\":\"x\",\"shape\":[60000000],\"datatype\":\"FP32\",\"data\":[1]}]}",
        "fewer elements");
    refused("{\"inputs\":[{\"name\":\"x\",\"shape\":[2,2],\"datatype\":\"FP32\",\"data\":[[1,2,3],["
            "4]]}]}",
            "another length");
    refused("{\"inputs\":[{\"name\":\"x\",\"shape\":[0],\"datatype\":\"FP32\",\"data\":[]},"
            "{\"name\":\"x\",\"shape\":[0],\"datatype\":\"FP32\",\"data\":[]}]}",
            "twice");
    refused("{\"inputs\":[{\"name\":\"x\",\"shape\":[1],\"datatype\":\"FP32\",\"parameters\":"
            "{\"shared_memory_region\":\"r\"},\"data\":[1]}]}",
            "shared memory");
    refused("{\"parameters\":{\"binary_data_output\":1}}", "true or false");
    char deep[600] = "{\"x\":";
    memset(deep + 5, '[', 300);
    refused(deep, "too deep");
}

static void a_member_twice_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"id\":\"a\",\"id\":\"a\",\"inputs\":[]}",
        "{\"inputs\":[],\"inputs\":[]}",
        "{\"inputs\":[{\"name\":\"x\",\"name\":\"y\",\"datatype\":\"FP32\",\"shape\":[1],"
        "\"data\":[1]}]}",
        "{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"shape\":[1],\"data\":[1],"
        "\"data\":[2]}]}",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct weft_slice body = weft_slice_static(texts[i], strlen(texts[i]));
        struct weft_oip_request request = {0};
        cleanup_error struct weft_error *error = NULL;
        assert_int_equal(weft_oip_json_request_decode(&body, WEFT_OIP_JSON_WHOLE, &request, &error),
                         WEFT_INVALID_ARGUMENT);
        assert_non_null(strstr(weft_error_message(error), "twice"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flat_and_nested_data_are_the_same),
        cmocka_unit_test(every_datatype_has_its_range),
        cmocka_unit_test(base64_is_bytes),
        cmocka_unit_test(binary_data_is_a_part_of_the_body),
        cmocka_unit_test(the_raw_form_takes_the_models_only_input),
        cmocka_unit_test(numbers_come_back_as_they_were),
        cmocka_unit_test(what_json_can_not_say_is_refused_with_a_hint),
        cmocka_unit_test(a_client_and_a_server_understand_each_other),
        cmocka_unit_test(what_is_no_request_is_refused_with_its_place),
        cmocka_unit_test(a_member_twice_is_refused),
    };
    return cmocka_run_group_tests_name("oip_json", tests, NULL, NULL);
}
