/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/oip_grpc.h"

#include <string.h>

#include "grpc_service.pb-c.h"
#include "support/story.h"

static struct weft_slice slice_of(const void *data, size_t size_bytes)
{
    struct weft_slice slice = {0};
    assert_true(weft_slice_copy(data, size_bytes, &slice));
    return slice;
}

static struct weft_slice joined(struct weft_slices *slices)
{
    struct weft_slice slice = {0};
    assert_true(weft_slices_join(slices, &slice));
    return slice;
}

/* A request of one FP32 tensor [1, n], as the other implementation writes it. */
struct theirs {
    Inference__ModelInferRequest request;
    Inference__ModelInferRequest__InferInputTensor input, *inputs[1];
    Inference__InferTensorContents contents;
    int64_t shape[2];
    ProtobufCBinaryData raw[2];
};

static void theirs_init(struct theirs *theirs, const char *datatype, int64_t elements)
{
    memset(theirs, 0, sizeof(*theirs));
    inference__model_infer_request__init(&theirs->request);
    inference__model_infer_request__infer_input_tensor__init(&theirs->input);
    inference__infer_tensor_contents__init(&theirs->contents);
    theirs->shape[0] = 1;
    theirs->shape[1] = elements;
    theirs->input.name = (char *)(uintptr_t) "x";
    theirs->input.datatype = (char *)(uintptr_t)datatype;
    theirs->input.n_shape = 2;
    theirs->input.shape = theirs->shape;
    theirs->inputs[0] = &theirs->input;
    theirs->request.model_name = (char *)(uintptr_t) "echo";
    theirs->request.id = (char *)(uintptr_t) "42";
    theirs->request.n_inputs = 1;
    theirs->request.inputs = theirs->inputs;
}

static void theirs_raw(struct theirs *theirs, void *data, size_t size_bytes)
{
    theirs->raw[0] = (ProtobufCBinaryData){.len = size_bytes, .data = data};
    theirs->request.n_raw_input_contents = 1;
    theirs->request.raw_input_contents = theirs->raw;
}

static struct weft_slice packed(const struct theirs *theirs)
{
    size_t size_bytes = inference__model_infer_request__get_packed_size(&theirs->request);
    struct weft_buffer *buffer = weft_buffer_new(size_bytes);
    inference__model_infer_request__pack(&theirs->request, buffer->data);
    return weft_slice_take(buffer);
}

static void raw_contents_become_values_without_a_copy(void **state)
{
    (void)state;
    cleanup_error struct weft_error *error = NULL;
    struct theirs theirs;
    float numbers[] = {1.5f, -2, 3};
    theirs_init(&theirs, "FP32", 3);
    theirs_raw(&theirs, numbers, sizeof(numbers));
    cleanup_slice struct weft_slice message = packed(&theirs);
    uint64_t copied_before = weft_copied_bytes_total();
    cleanup_oip_request struct weft_oip_request request = {0};
    assert_ok(weft_oip_grpc_request_decode(&message, &request, &error), error);
    assert_int_equal(weft_copied_bytes_total(), copied_before);
    assert_string_equal(request.model, "echo");
    assert_string_equal(request.id, "42");
    assert_null(request.version);
    const struct weft_value *value = weft_values_find(&request.inputs, "x");
    assert_memory_equal(weft_value_data(value), numbers, sizeof(numbers));
    assert_in_range((uintptr_t)weft_value_data(value), (uintptr_t)message.data,
                    (uintptr_t)message.data + message.size_bytes);
}

static void typed_contents_of_every_kind_become_raw(void **state)
{
    (void)state;
    protobuf_c_boolean booleans[] = {1, 0};
    int32_t ints[] = {-128, 127};
    int64_t longs[] = {INT64_MIN, 5};
    uint32_t unsigneds[] = {255, 0};
    uint64_t wide[] = {UINT64_MAX, 1};
    float floats[] = {0.1f, -0.0f};
    double doubles[] = {0.1, 1e300};
    ProtobufCBinaryData strings[] = {{.len = 2, .data = (uint8_t *)(uintptr_t) "ab"}, {0}};
    struct {
        const char *datatype;
        const void *raw;
        size_t size_bytes;
    } kinds[] = {
        {"BOOL", "\1\0", 2},         {"INT8", "\x80\x7F", 2},  {"INT16", "\x80\xFF\x7F\0", 4},
        {"INT32", ints, 8},          {"INT64", longs, 16},     {"UINT8", "\xFF\0", 2},
        {"UINT16", "\xFF\0\0\0", 4}, {"UINT32", unsigneds, 8}, {"UINT64", wide, 16},
        {"FP32", floats, 8},         {"FP64", doubles, 16},    {"BYTES", "\2\0\0\0ab\0\0\0\0", 10},
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct theirs theirs;
        theirs_init(&theirs, kinds[i].datatype, 2);
        theirs.input.contents = &theirs.contents;
        Inference__InferTensorContents *contents = &theirs.contents;
        switch (weft_datatype_from_name(kinds[i].datatype, strlen(kinds[i].datatype))) {
        case WEFT_BOOL:
            contents->n_bool_contents = 2, contents->bool_contents = booleans;
            break;
        case WEFT_INT64:
            contents->n_int64_contents = 2, contents->int64_contents = longs;
            break;
        case WEFT_UINT8:
        case WEFT_UINT16:
        case WEFT_UINT32:
            contents->n_uint_contents = 2, contents->uint_contents = unsigneds;
            break;
        case WEFT_UINT64:
            contents->n_uint64_contents = 2, contents->uint64_contents = wide;
            break;
        case WEFT_FP32:
            contents->n_fp32_contents = 2, contents->fp32_contents = floats;
            break;
        case WEFT_FP64:
            contents->n_fp64_contents = 2, contents->fp64_contents = doubles;
            break;
        case WEFT_BYTES:
            contents->n_bytes_contents = 2, contents->bytes_contents = strings;
            break;
        default:
            contents->n_int_contents = 2, contents->int_contents = ints;
        }
        cleanup_slice struct weft_slice message = packed(&theirs);
        cleanup_oip_request struct weft_oip_request request = {0};
        cleanup_error struct weft_error *error = NULL;
        assert_ok(weft_oip_grpc_request_decode(&message, &request, &error), error);
        const struct weft_value *value = weft_values_find(&request.inputs, "x");
        assert_int_equal(weft_value_size_bytes(value), kinds[i].size_bytes);
        assert_memory_equal(weft_value_data(value), kinds[i].raw, kinds[i].size_bytes);
    }
}

static void refused(const struct theirs *theirs, const char *words)
{
    cleanup_slice struct weft_slice message = packed(theirs);
    struct weft_oip_request request = {0};
    cleanup_error struct weft_error *error = NULL;
    assert_status(weft_oip_grpc_request_decode(&message, &request, &error), WEFT_INVALID_ARGUMENT);
    char text[512];
    weft_error_format(error, text, sizeof(text));
    if (strstr(text, words) == NULL) {
        fail_msg("'%s' does not say '%s'", text, words);
    }
}

/* Nodes hand parameters on to each other, and take no longer names there. */
static void a_parameter_with_a_name_that_is_none_is_refused(void **state)
{
    (void)state;
    char name[WEFT_NAME_MAX + 2];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    int64_t one = 1;
    struct theirs theirs;
    theirs_init(&theirs, "INT64", 1);
    theirs.input.contents = &theirs.contents;
    theirs.contents.n_int64_contents = 1, theirs.contents.int64_contents = &one;
    Inference__InferParameter on = INFERENCE__INFER_PARAMETER__INIT;
    on.parameter_choice_case = INFERENCE__INFER_PARAMETER__PARAMETER_CHOICE_BOOL_PARAM;
    on.bool_param = 1;
    Inference__ModelInferRequest__ParametersEntry entry =
        INFERENCE__MODEL_INFER_REQUEST__PARAMETERS_ENTRY__INIT;
    Inference__ModelInferRequest__ParametersEntry *entries[] = {&entry};
    entry.key = name;
    entry.value = &on;
    theirs.request.n_parameters = 1, theirs.request.parameters = entries;
    refused(&theirs, "is too long a text");
}

static void contents_that_do_not_fit_are_refused_by_name(void **state)
{
    (void)state;
    struct theirs theirs;
    float numbers[3] = {0};
    int32_t large[] = {300, 1};

    theirs_init(&theirs, "FP32", 2);
    theirs_raw(&theirs, numbers, sizeof(numbers));
    refused(&theirs,
            "tensor 'x' is not valid: FP32 of shape [1,2] needs 8 bytes, but 12 were given");
    theirs.shape[0] = INT64_MAX;
    theirs.shape[1] = 4;
    refused(&theirs, "shape");
    theirs.shape[0] = -1;
    refused(&theirs, "shape");

    theirs_init(&theirs, "FP32", 3);
    theirs_raw(&theirs, numbers, sizeof(numbers));
    theirs.raw[1] = theirs.raw[0];
    theirs.request.n_raw_input_contents = 2;
    refused(&theirs, "2 raw contents were given for 1 tensors");
    theirs.request.n_raw_input_contents = 1;
    theirs.input.contents = &theirs.contents;
    theirs.contents.n_fp32_contents = 3;
    theirs.contents.fp32_contents = numbers;
    refused(&theirs, "both raw and typed");

    theirs_init(&theirs, "INT8", 2);
    theirs.input.contents = &theirs.contents;
    theirs.contents.n_int_contents = 2;
    theirs.contents.int_contents = large;
    refused(&theirs, "out of the datatype's range");
    theirs.input.datatype = (char *)(uintptr_t) "FP32";
    refused(&theirs, "another datatype");
    theirs.input.datatype = (char *)(uintptr_t) "FP16";
    refused(&theirs, "no typed contents");
    theirs.input.datatype = (char *)(uintptr_t) "FLOAT";
    refused(&theirs, "no datatype");
    theirs_init(&theirs, "FP32", 0);
    theirs.request.model_name = (char *)(uintptr_t) "";
    refused(&theirs, "names no model");
    theirs_init(&theirs, "FP32", 0);
    theirs.request.id = (char *)(uintptr_t) "\xFF";
    refused(&theirs, "not a text in UTF-8");
}

static void a_response_refers_to_its_tensors(void **state)
{
    (void)state;
    cleanup_error struct weft_error *error = NULL;
    cleanup_oip_response struct weft_oip_response response = {
        .model = strdup("echo"), .version = strdup("1"), .id = strdup("7")};
    struct weft_shape shape = {.rank = 1, .dims = {5000}};
    cleanup_value struct weft_value *value = NULL;
    static uint8_t bytes[5000];
    bytes[4999] = 9;
    assert_ok(weft_value_new(WEFT_UINT8, &shape, bytes, sizeof(bytes), &value, NULL), NULL);
    struct weft_parameter parameter = {.name = "content_type",
                                       .kind = WEFT_PARAMETER_STRING,
                                       .string = "image/png",
                                       .string_length = 9};
    assert_ok(weft_value_set_parameter(value, &parameter, NULL), NULL);
    assert_ok(weft_values_add(&response.outputs, "y", value, NULL), NULL);
    assert_ok(weft_parameters_set_int64(&response.parameters, "n", -3, NULL), NULL);

    cleanup_slices struct weft_slices slices = {0};
    assert_ok(weft_oip_grpc_response_encode(&response, &slices, &error), error);
    assert_ptr_equal(weft_slices_items(&slices)[slices.count - 1].data, weft_value_data(value));
    cleanup_slice struct weft_slice message = joined(&slices);

    Inference__ModelInferResponse *oracle =
        inference__model_infer_response__unpack(NULL, message.size_bytes, message.data);
    assert_non_null(oracle);
    assert_string_equal(oracle->model_name, "echo");
    assert_string_equal(oracle->id, "7");
    assert_true(oracle->parameters[0]->value->int64_param == -3);
    assert_string_equal(oracle->outputs[0]->datatype, "UINT8");
    assert_int_equal(oracle->outputs[0]->shape[0], 5000);
    assert_string_equal(oracle->outputs[0]->parameters[0]->value->string_param, "image/png");
    assert_memory_equal(oracle->raw_output_contents[0].data, bytes, sizeof(bytes));
    inference__model_infer_response__free_unpacked(oracle, NULL);

    cleanup_oip_response struct weft_oip_response back = {0};
    assert_ok(weft_oip_grpc_response_decode(&message, &back, &error), error);
    assert_string_equal(weft_value_content_type(weft_values_find(&back.outputs, "y")), "image/png");
}

static void a_stream_carries_answers_and_errors(void **state)
{
    (void)state;
    cleanup_error struct weft_error *failure = NULL;
    cleanup_error struct weft_error *seen = NULL;
    (void)weft_error_set(&failure, WEFT_INTERNAL, "it broke");
    cleanup_slices struct weft_slices slices = {0};
    assert_ok(weft_oip_grpc_stream_response_encode(NULL, failure, &slices, NULL), NULL);
    cleanup_slice struct weft_slice message = joined(&slices);
    struct weft_oip_response none = {0};
    assert_status(weft_oip_grpc_stream_response_decode(&message, &none, &seen), WEFT_UNKNOWN);
    assert_string_equal(weft_error_message(seen), "it broke");

    cleanup_oip_response struct weft_oip_response response = {.model = strdup("echo")};
    cleanup_slices struct weft_slices answer = {0};
    assert_ok(weft_oip_grpc_stream_response_encode(&response, NULL, &answer, NULL), NULL);
    cleanup_slice struct weft_slice good = joined(&answer);
    cleanup_oip_response struct weft_oip_response back = {0};
    assert_ok(weft_oip_grpc_stream_response_decode(&good, &back, NULL), NULL);
    assert_string_equal(back.model, "echo");
}

static void a_request_survives_the_way(void **state)
{
    (void)state;
    cleanup_error struct weft_error *error = NULL;
    cleanup_oip_request struct weft_oip_request request = {.model = strdup("portrait"),
                                                           .id = strdup("9")};
    struct weft_oip_output *output = NULL;
    assert_ok(weft_oip_request_add_output(&request, "picture", &output, NULL), NULL);
    assert_ok(weft_parameters_set_bool(&output->parameters, "classification", true, NULL), NULL);
    assert_status(weft_oip_request_add_output(&request, "picture", &output, NULL),
                  WEFT_INVALID_ARGUMENT);
    cleanup_value struct weft_value *photo = NULL;
    assert_ok(weft_value_new_bytes("JPEG", 4, "image/jpeg", &photo, NULL), NULL);
    assert_ok(weft_values_add(&request.inputs, "photo", photo, NULL), NULL);
    cleanup_slices struct weft_slices slices = {0};
    assert_ok(weft_oip_grpc_request_encode(&request, &slices, &error), error);
    cleanup_slice struct weft_slice message = joined(&slices);
    cleanup_oip_request struct weft_oip_request back = {0};
    assert_ok(weft_oip_grpc_request_decode(&message, &back, &error), error);
    assert_true(weft_oip_request_wants(&back, "picture"));
    assert_false(weft_oip_request_wants(&back, "other"));
    assert_true(weft_parameters_find(&back.outputs[0].parameters, "classification")->boolean);
    assert_string_equal(weft_value_content_type(weft_values_find(&back.inputs, "photo")),
                        "image/jpeg");
    /* Cut anywhere, it is refused or says less, and nothing breaks. */
    for (size_t length = 0; length < message.size_bytes; length++) {
        cleanup_slice struct weft_slice cut = slice_of(message.data, length);
        struct weft_oip_request less = {0};
        if (weft_oip_grpc_request_decode(&cut, &less, NULL) == WEFT_OK) {
            weft_oip_request_fini(&less);
        }
    }
}

static void metadata_is_as_the_other_implementation_reads_it(void **state)
{
    (void)state;
    struct weft_model_tensor input = {.name = (char *)(uintptr_t) "x",
                                      .datatype = WEFT_FP32,
                                      .shape = {.rank = 2, .dims = {-1, 3}}};
    struct weft_model_info info = {.name = (char *)(uintptr_t) "m",
                                   .platform = (char *)(uintptr_t) "p",
                                   .generation = 12,
                                   .inputs = &input,
                                   .inputs_count = 1};
    const char *versions[] = {"1", "3"};
    struct weft_oip_model model = {&info, versions, 2};
    cleanup_slices struct weft_slices slices = {0};
    assert_ok(weft_oip_grpc_model_encode(&model, &slices, NULL), NULL);
    cleanup_slice struct weft_slice message = joined(&slices);
    Inference__ModelMetadataResponse *oracle =
        inference__model_metadata_response__unpack(NULL, message.size_bytes, message.data);
    assert_non_null(oracle);
    assert_string_equal(oracle->versions[1], "3");
    assert_int_equal(oracle->inputs[0]->shape[0], -1);
    assert_string_equal(oracle->properties[0]->value, "12");
    inference__model_metadata_response__free_unpacked(oracle, NULL);

    struct weft_model_info back = {0};
    assert_ok(weft_oip_grpc_model_decode(&message, &back, NULL), NULL);
    assert_string_equal(back.version, "3");
    assert_int_equal(back.inputs[0].shape.dims[1], 3);
    weft_model_info_fini(&back);
}

static size_t work_of(const struct theirs *theirs)
{
    cleanup_slice struct weft_slice message = packed(theirs);
    return weft_oip_grpc_request_work_bytes(&message);
}

static void the_work_of_decoding_is_seen_by_the_outline(void **state)
{
    (void)state;
    static float numbers[4096];
    struct theirs theirs;
    /* Raw contents are taken as they are, but for lists of texts. */
    theirs_init(&theirs, "FP32", 4096);
    theirs_raw(&theirs, numbers, sizeof(numbers));
    assert_in_range(work_of(&theirs), 1, 100);
    theirs_init(&theirs, "BYTES", 4096);
    theirs_raw(&theirs, numbers, sizeof(numbers));
    assert_in_range(work_of(&theirs), sizeof(numbers), sizeof(numbers) + 100);
    theirs_init(&theirs, "FP32", 4096);
    theirs.input.contents = &theirs.contents;
    theirs.contents.n_fp32_contents = 4096;
    theirs.contents.fp32_contents = numbers;
    assert_in_range(work_of(&theirs), sizeof(numbers), sizeof(numbers) + 100);
    /* Noise, and more fields than a request has, count whole. */
    char noise[8192];
    memset(noise, 0x3a, sizeof(noise)); /* raw contents of 58 bytes, over and over */
    struct weft_slice message = weft_slice_static(noise, sizeof(noise));
    assert_in_range(weft_oip_grpc_request_work_bytes(&message), 1, sizeof(noise));
    memset(noise, 0xff, sizeof(noise));
    assert_int_equal(weft_oip_grpc_request_work_bytes(&message), sizeof(noise));
    for (size_t i = 0; i < sizeof(noise); i++) {
        noise[i] = i % 2 == 0 ? 0x3a : 0;
    }
    assert_int_equal(weft_oip_grpc_request_work_bytes(&message), sizeof(noise));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_contents_become_values_without_a_copy),
        cmocka_unit_test(typed_contents_of_every_kind_become_raw),
        cmocka_unit_test(a_parameter_with_a_name_that_is_none_is_refused),
        cmocka_unit_test(contents_that_do_not_fit_are_refused_by_name),
        cmocka_unit_test(a_response_refers_to_its_tensors),
        cmocka_unit_test(a_stream_carries_answers_and_errors),
        cmocka_unit_test(a_request_survives_the_way),
        cmocka_unit_test(the_work_of_decoding_is_seen_by_the_outline),
        cmocka_unit_test(metadata_is_as_the_other_implementation_reads_it),
    };
    return cmocka_run_group_tests_name("oip_grpc", tests, NULL, NULL);
}
