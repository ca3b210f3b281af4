/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/control.h"

#include <stdio.h>
#include <string.h>

#include "cut.h"
#include "node.pb-c.h"
#include "support/story.h"

static struct weft_value *value_of(size_t size_bytes)
{
    struct weft_buffer *buffer = weft_buffer_new(size_bytes);
    for (size_t i = 0; i < size_bytes; i++) {
        buffer->data[i] = (uint8_t)(i * 7);
    }
    cleanup_slice struct weft_slice slice = weft_slice_take(buffer);
    struct weft_shape shape = {.rank = 2, .dims = {(int64_t)size_bytes / 4, 4}};
    struct weft_value *value = NULL;
    assert_ok(weft_value_new_slice(WEFT_UINT8, &shape, &slice, &value, NULL), NULL);
    struct weft_parameter parameter = {
        .name = "sample_rate", .kind = WEFT_PARAMETER_INT64, .int64 = -48000};
    assert_ok(weft_value_set_parameter(value, &parameter, NULL), NULL);
    return value;
}

static struct weft_envelope deliver_envelope(size_t size_bytes)
{
    struct weft_message *message = weft_message_new(WEFT_MESSAGE_DELIVER);
    message->deliver = (struct weft_deliver){
        .request = {.gateway = 0xFEDCBA9876543210, .sequence = 77},
        .plan = 3,
        .from_step = WEFT_STEP_GATEWAY,
        .from_output = 2,
        .attempt = 1,
        .part = 4,
        .last = true,
        .timeout_ns = UINT64_MAX,
        .trace = {.trace_id = {1, 2, 3, [15] = 9}, .span_id = {8, 7}, .flags = 1},
        .id = strdup("request-\xC3\xA4"),
        .value = value_of(size_bytes),
    };
    struct weft_parameters *parameters = &message->deliver.parameters;
    struct weft_parameter scale = {.name = "scale", .kind = WEFT_PARAMETER_DOUBLE, .number = 0.1};
    assert_ok(weft_parameters_set(parameters, &scale, NULL), NULL);
    assert_ok(weft_parameters_set_bool(parameters, "off", false, NULL), NULL);
    assert_ok(weft_parameters_set_string(parameters, "scene", "beach", NULL), NULL);
    return (struct weft_envelope){.incarnation = 5,
                                  .peer_incarnation = 6,
                                  .sequence = 7,
                                  .acknowledged = 1000000,
                                  .again = true,
                                  .message = message};
}

static struct weft_slice bytes_of(const struct weft_envelope *envelope)
{
    cleanup_error struct weft_error *error = NULL;
    cleanup_slices struct weft_slices slices = {0};
    assert_ok(weft_envelope_encode(envelope, &slices, &error), error);
    struct weft_slice joined = {0};
    assert_true(weft_slices_join(&slices, &joined));
    return joined;
}

/* Encodes, decodes, encodes again: the bytes must be the same, and so is all that they say. */
static struct weft_envelope there_and_back(struct weft_envelope *envelope)
{
    cleanup_error struct weft_error *error = NULL;
    cleanup_slice struct weft_slice first = bytes_of(envelope);
    weft_message_free(envelope->message);
    struct weft_envelope back = {0};
    assert_ok(weft_envelope_decode(&first, &back, &error), error);
    cleanup_slice struct weft_slice second = bytes_of(&back);
    assert_int_equal(first.size_bytes, second.size_bytes);
    assert_memory_equal(first.data, second.data, first.size_bytes);
    return back;
}

static void a_value_is_delivered_without_a_copy(void **state)
{
    (void)state;
    struct weft_envelope envelope = deliver_envelope(10240);
    const void *bytes = weft_value_data(envelope.message->deliver.value);
    uint64_t copied_before = weft_copied_bytes_total();
    cleanup_slices struct weft_slices slices = {0};
    assert_ok(weft_envelope_encode(&envelope, &slices, NULL), NULL);
    assert_int_equal(slices.count, 2);
    assert_ptr_equal(weft_slices_items(&slices)[1].data, bytes);
    assert_int_equal(weft_slices_items(&slices)[0].size_bytes % 64, 0);

    assert_int_equal(weft_copied_bytes_total(), copied_before);
    cleanup_slice struct weft_slice whole = {0};
    assert_true(weft_slices_join(&slices, &whole));
    copied_before = weft_copied_bytes_total();
    struct weft_envelope back = {0};
    assert_ok(weft_envelope_decode(&whole, &back, NULL), NULL);
    assert_int_equal(weft_copied_bytes_total(), copied_before);
    const struct weft_value *value = back.message->deliver.value;
    assert_int_equal((uintptr_t)weft_value_data(value) % 64, 0);
    assert_in_range((uintptr_t)weft_value_data(value), (uintptr_t)whole.data,
                    (uintptr_t)whole.data + whole.size_bytes);
    assert_memory_equal(weft_value_data(value), bytes, 10240);
    weft_message_free(envelope.message);
    weft_message_free(back.message);
}

static void a_deliver_keeps_all_that_it_says(void **state)
{
    (void)state;
    struct weft_envelope envelope = deliver_envelope(40);
    struct weft_envelope back = there_and_back(&envelope);
    const struct weft_deliver *deliver = &back.message->deliver;
    assert_int_equal(back.incarnation, 5);
    assert_int_equal(back.peer_incarnation, 6);
    assert_int_equal(back.sequence, 7);
    assert_int_equal(back.acknowledged, 1000000);
    assert_true(back.again);
    assert_true(deliver->request.gateway == 0xFEDCBA9876543210);
    assert_int_equal(deliver->request.sequence, 77);
    assert_int_equal(deliver->plan, 3);
    assert_true(deliver->from_step == WEFT_STEP_GATEWAY);
    assert_int_equal(deliver->from_output, 2);
    assert_int_equal(deliver->part, 4);
    assert_true(deliver->last);
    assert_true(deliver->timeout_ns == UINT64_MAX);
    assert_int_equal(deliver->trace.trace_id[15], 9);
    assert_int_equal(deliver->trace.span_id[1], 7);
    assert_string_equal(deliver->id, "request-\xC3\xA4");
    assert_true(weft_parameters_find(&deliver->parameters, "scale")->number == 0.1);
    assert_false(weft_parameters_find(&deliver->parameters, "off")->boolean);
    assert_string_equal(weft_parameters_string(&deliver->parameters, "scene"), "beach");
    assert_int_equal(weft_value_shape(deliver->value)->dims[0], 10);
    assert_int_equal(
        weft_parameters_find(weft_value_parameters(deliver->value), "sample_rate")->int64, -48000);
    weft_message_free(back.message);
}

static void another_implementation_reads_a_deliver(void **state)
{
    (void)state;
    struct weft_envelope envelope = deliver_envelope(10240);
    cleanup_slice struct weft_slice bytes = bytes_of(&envelope);
    Weft__V1__Envelope *oracle = weft__v1__envelope__unpack(NULL, bytes.size_bytes, bytes.data);
    assert_non_null(oracle);
    assert_int_equal(oracle->message_case, WEFT__V1__ENVELOPE__MESSAGE_DELIVER);
    assert_int_equal(oracle->deliver->part, 4);
    assert_int_equal(oracle->deliver->n_parameters, 3);
    assert_int_equal(oracle->deliver->value->data.len, 10240);
    assert_memory_equal(oracle->deliver->value->data.data,
                        weft_value_data(envelope.message->deliver.value), 10240);

    /* And what it writes is read here. */
    size_t size_bytes = weft__v1__envelope__get_packed_size(oracle);
    struct weft_buffer *buffer = weft_buffer_new(size_bytes);
    weft__v1__envelope__pack(oracle, buffer->data);
    weft__v1__envelope__free_unpacked(oracle, NULL);
    cleanup_slice struct weft_slice theirs = weft_slice_take(buffer);
    struct weft_envelope back = {0};
    cleanup_error struct weft_error *error = NULL;
    assert_ok(weft_envelope_decode(&theirs, &back, &error), error);
    assert_memory_equal(weft_value_data(back.message->deliver.value),
                        weft_value_data(envelope.message->deliver.value), 10240);
    weft_message_free(envelope.message);
    weft_message_free(back.message);
}

static struct weft_error *an_error(void)
{
    struct weft_error *error = NULL;
    (void)weft_error_set(&error, WEFT_NOT_FOUND, "no such file");
    weft_error_set_hint(&error, "look elsewhere");
    (void)weft_error_set(&error, WEFT_INTERNAL, "the model failed");
    struct weft_error_place place = {
        .pipeline = "portrait", .step = "scene", .node = "b", .attempt = 2};
    weft_error_set_place(&error, &place);
    return error;
}

static void an_error_keeps_causes_hint_and_place(void **state)
{
    (void)state;
    struct weft_message *message = weft_message_new(WEFT_MESSAGE_PREPARED);
    message->prepared.error = an_error();
    struct weft_envelope envelope = {.incarnation = 1, .sequence = 1, .message = message};
    struct weft_envelope back = there_and_back(&envelope);
    const struct weft_prepared *seen = &back.message->prepared;
    assert_string_equal(weft_error_message(seen->error), "the model failed");
    assert_int_equal(weft_error_status(seen->error), WEFT_INTERNAL);
    assert_string_equal(weft_error_message(weft_error_cause(seen->error)), "no such file");
    assert_int_equal(weft_error_status(weft_error_cause(seen->error)), WEFT_NOT_FOUND);
    assert_string_equal(weft_error_hint(seen->error), "look elsewhere");
    assert_string_equal(weft_error_place(seen->error).step, "scene");
    assert_int_equal(weft_error_place(seen->error).attempt, 2);
    weft_message_free(back.message);
}

static void an_error_arrives_whatever_a_model_said(void **state)
{
    (void)state;
    struct weft_message *message = weft_message_new(WEFT_MESSAGE_PREPARED);
    (void)weft_error_set(&message->prepared.error, WEFT_INTERNAL, "na\xEFve");
    weft_error_set_hint(&message->prepared.error, "\xC3");
    struct weft_envelope envelope = {.incarnation = 1, .sequence = 1, .message = message};
    struct weft_envelope back = there_and_back(&envelope);
    assert_string_equal(weft_error_message(back.message->prepared.error), "na?ve");
    assert_string_equal(weft_error_hint(back.message->prepared.error), "?");
    weft_message_free(back.message);
}

static char **strings(const char *one, const char *two)
{
    char **list = calloc(2, sizeof(char *));
    list[0] = strdup(one);
    list[1] = strdup(two);
    return list;
}

static struct weft_message *a_hello(void)
{
    struct weft_message *message = weft_message_new(WEFT_MESSAGE_HELLO);
    struct weft_node_info *info = &message->hello;
    info->name = strdup("a");
    info->address = strdup("127.0.0.11:8000");
    info->generation = 9;
    info->resources = (struct weft_resources){
        .slots = 2, .memory_bytes = 1 << 30, .tags = strings("cpu", "gpu"), .tags_count = 2};
    info->models = calloc(1, sizeof(*info->models));
    info->models_count = 1;
    struct weft_model_info *model = info->models;
    model->name = strdup("face");
    model->version = strdup("1");
    model->platform = strdup("weft_plugin");
    model->ready = true;
    model->needs.slots = 1;
    model->inputs = calloc(1, sizeof(*model->inputs));
    model->inputs_count = 1;
    model->inputs[0] = (struct weft_model_tensor){.name = strdup("photo"),
                                                  .datatype = WEFT_UINT8,
                                                  .shape = {.rank = 3, .dims = {-1, -1, 3}},
                                                  .optional = true};
    return message;
}

static struct weft_message *a_plan(void)
{
    struct weft_message *message = weft_message_new(WEFT_MESSAGE_PREPARE);
    struct weft_node_plan *plan = &message->prepare;
    plan->gateway = 4;
    plan->pipeline = strdup("portrait");
    plan->pipeline_version = strdup("");
    plan->nodes = calloc(2, sizeof(*plan->nodes));
    plan->nodes_count = 2;
    plan->gateway_node = 1;
    for (int i = 0; i < 2; i++) {
        plan->nodes[i].name = strdup(i == 0 ? "a" : "gateway");
        plan->nodes[i].address = strdup("127.0.0.1:8000");
    }
    plan->tasks = calloc(1, sizeof(*plan->tasks));
    plan->tasks_count = 1;
    struct weft_plan_task *task = plan->tasks;
    task->step_name = strdup("recognise");
    task->model = strdup("face");
    task->inputs = calloc(2, sizeof(*task->inputs));
    task->inputs_count = 2;
    task->inputs[0].name = strdup("photo");
    task->inputs[0].from_step = WEFT_STEP_GATEWAY;
    task->inputs[1].name = strdup("constant");
    task->inputs[1].constant = value_of(4000);
    task->after = calloc(2, sizeof(*task->after));
    task->after_count = 2;
    task->after[0] = WEFT_STEP_GATEWAY;
    task->outputs = calloc(1, sizeof(*task->outputs));
    task->outputs_count = 1;
    task->outputs[0].name = strdup("person");
    task->outputs[0].destinations = calloc(2, sizeof(struct weft_plan_destination));
    task->outputs[0].destinations_count = 2;
    task->outputs[0].destinations[1] =
        (struct weft_plan_destination){.node = 1, .lane = strdup("grpc")};
    task->finished = calloc(1, sizeof(struct weft_plan_destination));
    task->finished_count = 1;
    return message;
}

static void a_node_says_what_it_is(void **state)
{
    (void)state;
    struct weft_envelope envelope = {.incarnation = 1, .message = a_hello()};
    struct weft_envelope back = there_and_back(&envelope);
    const struct weft_node_info *info = &back.message->hello;
    assert_string_equal(info->resources.tags[1], "gpu");
    assert_string_equal(info->models[0].platform, "weft_plugin");
    assert_int_equal(info->models[0].inputs[0].shape.dims[1], -1);
    assert_true(info->models[0].inputs[0].optional);
    weft_message_free(back.message);
}

static void a_plan_arrives_whole(void **state)
{
    (void)state;
    struct weft_envelope envelope = {.incarnation = 1, .sequence = 2, .message = a_plan()};
    struct weft_envelope back = there_and_back(&envelope);
    const struct weft_node_plan *plan = &back.message->prepare;
    assert_string_equal(plan->pipeline_version, "");
    assert_string_equal(plan->nodes[1].name, "gateway");
    const struct weft_plan_task *task = plan->tasks;
    assert_null(task->model_version);
    assert_true(task->inputs[0].from_step == WEFT_STEP_GATEWAY);
    assert_int_equal(weft_value_size_bytes(task->inputs[1].constant), 4000);
    assert_int_equal(task->after_count, 2);
    assert_true(task->after[0] == WEFT_STEP_GATEWAY);
    assert_string_equal(task->outputs[0].destinations[1].lane, "grpc");
    assert_null(task->outputs[0].destinations[0].lane);
    assert_int_equal(task->finished_count, 1);
    weft_message_free(back.message);
}

static void small_messages_arrive(void **state)
{
    (void)state;
    struct weft_envelope acknowledges = {.incarnation = 3, .acknowledged = 9};
    struct weft_envelope back = there_and_back(&acknowledges);
    assert_null(back.message);
    assert_int_equal(back.acknowledged, 9);

    struct weft_message *message = weft_message_new(WEFT_MESSAGE_CANCEL);
    message->cancel.reason = WEFT_DEADLINE_EXCEEDED;
    struct weft_envelope cancel = {.incarnation = 3, .sequence = 1, .message = message};
    back = there_and_back(&cancel);
    assert_int_equal(back.message->cancel.reason, WEFT_DEADLINE_EXCEEDED);
    weft_message_free(back.message);

    message = weft_message_new(WEFT_MESSAGE_RELEASE);
    message->release.plan = 12;
    struct weft_envelope release = {.incarnation = 3, .sequence = 1, .message = message};
    back = there_and_back(&release);
    assert_int_equal(back.message->release.plan, 12);
    weft_message_free(back.message);

    message = weft_message_new(WEFT_MESSAGE_PREPARED);
    message->prepared.error = an_error();
    struct weft_envelope prepared = {.incarnation = 3, .sequence = 1, .message = message};
    back = there_and_back(&prepared);
    assert_int_equal(weft_error_status(back.message->prepared.error), WEFT_INTERNAL);
    weft_message_free(back.message);
}

static void cut_anywhere_nothing_breaks(void **state)
{
    (void)state;
    struct weft_message *messages[] = {a_hello(), a_plan()};
    for (size_t m = 0; m < 2; m++) {
        struct weft_envelope envelope = {.incarnation = 1, .sequence = 2, .message = messages[m]};
        cleanup_slice struct weft_slice bytes = bytes_of(&envelope);
        cut_envelope_anywhere(&bytes);
        weft_message_free(messages[m]);
    }
}

static void hostile_values_are_refused(void **state)
{
    (void)state;
    struct weft_envelope envelope = deliver_envelope(40);
    cleanup_slice struct weft_slice bytes = bytes_of(&envelope);
    weft_message_free(envelope.message);
    /* Every byte turned over, one at a time. */
    for (size_t i = 0; i < bytes.size_bytes; i++) {
        cleanup_slice struct weft_slice bad = {0};
        assert_true(weft_slice_copy(bytes.data, bytes.size_bytes, &bad));
        ((uint8_t *)bad.data)[i] ^= 0xFF;
        struct weft_envelope back = {0};
        cleanup_error struct weft_error *error = NULL;
        if (weft_envelope_decode(&bad, &back, &error) == WEFT_OK) {
            weft_message_free(back.message);
        }
    }
}

/* Another version of the protocol may allow more than this one. */
static void what_cannot_be_read_still_has_its_numbers(void **state)
{
    (void)state;
    char name[WEFT_NAME_MAX + 2];
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    struct weft_envelope envelope = deliver_envelope(40);
    assert_ok(weft_parameters_set_bool(&envelope.message->deliver.parameters, name, true, NULL),
              NULL);
    cleanup_slice struct weft_slice bytes = bytes_of(&envelope);
    weft_message_free(envelope.message);

    struct weft_envelope back = {0};
    assert_int_equal(weft_envelope_decode(&bytes, &back, NULL), WEFT_INVALID_ARGUMENT);
    assert_ok(weft_envelope_decode_numbers(&bytes, &back, NULL), NULL);
    assert_int_equal(back.incarnation, 5);
    assert_int_equal(back.peer_incarnation, 6);
    assert_int_equal(back.sequence, 7);
    assert_int_equal(back.acknowledged, 1000000);
    assert_null(back.message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_delivered_without_a_copy),
        cmocka_unit_test(a_deliver_keeps_all_that_it_says),
        cmocka_unit_test(another_implementation_reads_a_deliver),
        cmocka_unit_test(an_error_keeps_causes_hint_and_place),
        cmocka_unit_test(an_error_arrives_whatever_a_model_said),
        cmocka_unit_test(a_node_says_what_it_is),
        cmocka_unit_test(a_plan_arrives_whole),
        cmocka_unit_test(small_messages_arrive),
        cmocka_unit_test(cut_anywhere_nothing_breaks),
        cmocka_unit_test(hostile_values_are_refused),
        cmocka_unit_test(what_cannot_be_read_still_has_its_numbers),
    };
    return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
