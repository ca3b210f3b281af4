/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/control.h"

#include <string.h>

#include "base/assert.h"
#include "wire/fields.h"

/* The tables follow proto/weft/v1/node.proto: number, kind, member, limit. */

#define PLAIN(type, number, kind, member)                                                          \
    {                                                                                              \
        number, WEFT_FIELD_##kind, offsetof(type, member), 0, 0, NULL                              \
    }
#define LIMITED(type, number, kind, member, max)                                                   \
    {                                                                                              \
        number, WEFT_FIELD_##kind, offsetof(type, member), 0, max, NULL                            \
    }
#define WITHIN(type, number, member, inner)                                                        \
    {                                                                                              \
        number, WEFT_FIELD_MESSAGE, offsetof(type, member), 0, 0, inner                            \
    }
#define LIST(type, number, kind, member, max, inner)                                               \
    {                                                                                              \
        number, WEFT_FIELD_##kind, offsetof(type, member), offsetof(type, member##_count), max,    \
            inner                                                                                  \
    }
#define TABLE(table, type, words)                                                                  \
    static const struct weft_fields table = {words, sizeof(type), table##_fields,                  \
                                             sizeof(table##_fields) / sizeof(table##_fields[0])}

static const struct weft_field resources_fields[] = {
    PLAIN(struct weft_resources, 1, UINT32, slots),
    PLAIN(struct weft_resources, 2, UINT64, memory_bytes),
    LIST(struct weft_resources, 3, STRINGS, tags, WEFT_NODE_TAGS_MAX, NULL),
};
TABLE(resources, struct weft_resources, "Needs");

static const struct weft_field needs_fields[] = {
    PLAIN(struct weft_needs, 1, UINT32, slots),
    PLAIN(struct weft_needs, 2, UINT64, memory_bytes),
    LIST(struct weft_needs, 3, STRINGS, tags, WEFT_NODE_TAGS_MAX, NULL),
};
TABLE(needs, struct weft_needs, "Needs");

static const struct weft_field tensor_fields[] = {
    PLAIN(struct weft_model_tensor, 1, STRING, name),
    LIMITED(struct weft_model_tensor, 2, UINT32, datatype, WEFT_BF16),
    PLAIN(struct weft_model_tensor, 3, SHAPE, shape),
    PLAIN(struct weft_model_tensor, 4, BOOL, optional),
};
TABLE(tensor, struct weft_model_tensor, "Tensor");

static const struct weft_field model_fields[] = {
    PLAIN(struct weft_model_info, 1, STRING, name),
    PLAIN(struct weft_model_info, 2, STRING, version),
    PLAIN(struct weft_model_info, 3, STRING, platform),
    PLAIN(struct weft_model_info, 4, UINT64, generation),
    PLAIN(struct weft_model_info, 5, BOOL, ready),
    PLAIN(struct weft_model_info, 6, BOOL, deterministic),
    PLAIN(struct weft_model_info, 7, BOOL, streaming),
    WITHIN(struct weft_model_info, 8, needs, &needs),
    LIST(struct weft_model_info, 9, MESSAGES, inputs, WEFT_VALUES_MAX, &tensor),
    LIST(struct weft_model_info, 10, MESSAGES, outputs, WEFT_VALUES_MAX, &tensor),
};
TABLE(model, struct weft_model_info, "Model");

static const struct weft_field node_fields[] = {
    PLAIN(struct weft_node_info, 1, STRING, name),
    PLAIN(struct weft_node_info, 2, FIXED64, generation),
    PLAIN(struct weft_node_info, 3, STRING, address),
    WITHIN(struct weft_node_info, 4, resources, &resources),
    LIST(struct weft_node_info, 5, MESSAGES, models, WEFT_NODE_MODELS_MAX, &model),
};
TABLE(node, struct weft_node_info, "Node");

static const struct weft_field destination_fields[] = {
    PLAIN(struct weft_plan_destination, 1, UINT32, node),
    PLAIN(struct weft_plan_destination, 2, OPTIONAL, lane),
};
TABLE(destination, struct weft_plan_destination, "Destination");

static const struct weft_field output_fields[] = {
    PLAIN(struct weft_plan_output, 1, STRING, name),
    LIST(struct weft_plan_output, 2, MESSAGES, destinations, WEFT_PLAN_NODES_MAX, &destination),
};
TABLE(output, struct weft_plan_output, "PlanOutput");

static const struct weft_field input_fields[] = {
    PLAIN(struct weft_plan_input, 1, STRING, name),
    PLAIN(struct weft_plan_input, 2, VALUE, constant),
    PLAIN(struct weft_plan_input, 3, UINT32, from_step),
    PLAIN(struct weft_plan_input, 4, UINT32, from_output),
};
TABLE(input, struct weft_plan_input, "PlanInput");

static const struct weft_field task_fields[] = {
    PLAIN(struct weft_plan_task, 1, UINT32, step),
    PLAIN(struct weft_plan_task, 2, STRING, step_name),
    PLAIN(struct weft_plan_task, 3, STRING, model),
    PLAIN(struct weft_plan_task, 4, OPTIONAL, model_version),
    WITHIN(struct weft_plan_task, 5, needs, &needs),
    PLAIN(struct weft_plan_task, 6, PARAMETERS, parameters),
    LIST(struct weft_plan_task, 7, MESSAGES, inputs, WEFT_VALUES_MAX, &input),
    LIST(struct weft_plan_task, 8, UINT32S, after, WEFT_PLAN_STEPS_MAX, NULL),
    LIST(struct weft_plan_task, 9, MESSAGES, outputs, WEFT_VALUES_MAX, &output),
    LIST(struct weft_plan_task, 10, MESSAGES, finished, WEFT_PLAN_NODES_MAX, &destination),
};
TABLE(task, struct weft_plan_task, "Task");

static const struct weft_field plan_node_fields[] = {
    PLAIN(struct weft_plan_node, 1, STRING, name),
    PLAIN(struct weft_plan_node, 2, FIXED64, generation),
    PLAIN(struct weft_plan_node, 3, STRING, address),
};
TABLE(plan_node, struct weft_plan_node, "PlanNode");

static const struct weft_field plan_fields[] = {
    PLAIN(struct weft_node_plan, 1, FIXED64, gateway),
    PLAIN(struct weft_node_plan, 2, UINT64, plan),
    PLAIN(struct weft_node_plan, 3, STRING, pipeline),
    PLAIN(struct weft_node_plan, 4, STRING, pipeline_version),
    LIST(struct weft_node_plan, 5, MESSAGES, nodes, WEFT_PLAN_NODES_MAX, &plan_node),
    PLAIN(struct weft_node_plan, 6, UINT32, gateway_node),
    LIST(struct weft_node_plan, 7, MESSAGES, tasks, WEFT_PLAN_STEPS_MAX, &task),
};
TABLE(plan, struct weft_node_plan, "Plan");

static const struct weft_field prepared_fields[] = {
    PLAIN(struct weft_prepared, 1, FIXED64, gateway),
    PLAIN(struct weft_prepared, 2, UINT64, plan),
    PLAIN(struct weft_prepared, 3, ERROR, error),
};
TABLE(prepared, struct weft_prepared, "Prepared");

/* RELEASE has an error member that nobody sets or frees. */
static const struct weft_fields release = {"Prepared", sizeof(struct weft_prepared),
                                           prepared_fields, 2};

static const struct weft_field request_fields[] = {
    PLAIN(struct weft_request_id, 1, FIXED64, gateway),
    PLAIN(struct weft_request_id, 2, UINT64, sequence),
};
TABLE(request, struct weft_request_id, "Request");

static const struct weft_field deliver_fields[] = {
    WITHIN(struct weft_deliver, 1, request, &request),
    PLAIN(struct weft_deliver, 2, UINT64, plan),
    PLAIN(struct weft_deliver, 3, UINT32, from_step),
    PLAIN(struct weft_deliver, 4, UINT32, from_output),
    PLAIN(struct weft_deliver, 5, UINT32, attempt),
    PLAIN(struct weft_deliver, 6, UINT32, part),
    PLAIN(struct weft_deliver, 7, BOOL, last),
    PLAIN(struct weft_deliver, 8, UINT64, timeout_ns),
    PLAIN(struct weft_deliver, 9, TRACE, trace),
    LIMITED(struct weft_deliver, 10, OPTIONAL, id, WEFT_REQUEST_ID_MAX),
    PLAIN(struct weft_deliver, 11, PARAMETERS, parameters),
    PLAIN(struct weft_deliver, 12, VALUE, value),
};
TABLE(deliver, struct weft_deliver, "Deliver");

/* The numbers of what follows are their places in the row. */
static const struct weft_field transfer_fields[] = {
    PLAIN(struct weft_report_transfer, 1, UINT32, output),
    PLAIN(struct weft_report_transfer, 2, UINT32, to_node),
    PLAIN(struct weft_report_transfer, 3, UINT64, raw_bytes),
    PLAIN(struct weft_report_transfer, 4, UINT64, wire_bytes),
    PLAIN(struct weft_report_transfer, 5, UINT64, copied_bytes),
    PLAIN(struct weft_report_transfer, 6, UINT32, lane),
    PLAIN(struct weft_report_transfer, 7, UINT32, codec),
};
TABLE(transfer, struct weft_report_transfer, "Transfer");

static const struct weft_field report_numbers_fields[] = {
    PLAIN(struct weft_run_report, 1, UINT64, sequence),
    PLAIN(struct weft_run_report, 2, UINT64, plan),
    LIMITED(struct weft_run_report, 3, UINT32, report.kind, WEFT_REPORT_FAILED),
    PLAIN(struct weft_run_report, 4, UINT32, report.step),
    PLAIN(struct weft_run_report, 5, UINT32, report.attempt),
    PLAIN(struct weft_run_report, 6, UINT64, report.start_ns),
    PLAIN(struct weft_run_report, 7, UINT64, report.end_ns),
    PLAIN(struct weft_run_report, 8, UINT64, report.bytes_in),
    PLAIN(struct weft_run_report, 9, UINT64, report.bytes_out),
    PLAIN(struct weft_run_report, 10, UINT32, report.pid),
    PLAIN(struct weft_run_report, 11, UINT64, report.model_generation),
    PLAIN(struct weft_run_report, 12, BOOL, report.cache_hit),
};
TABLE(report_numbers, struct weft_run_report, "RunReport");

static const struct weft_field run_report_fields[] = {
    {1, WEFT_FIELD_ROW, 0, 0, 0, &report_numbers},
    LIST(struct weft_run_report, 2, ROWS, report.transfers, WEFT_PLAN_EDGES_MAX, &transfer),
    PLAIN(struct weft_run_report, 3, ERROR, report.error),
};
TABLE(run_report, struct weft_run_report, "RunReport");

static const struct weft_field run_reports_fields[] = {
    PLAIN(struct weft_run_reports, 1, FIXED64, gateway),
    LIST(struct weft_run_reports, 2, MESSAGES, reports, WEFT_REPORTS_MAX, &run_report),
};
TABLE(run_reports, struct weft_run_reports, "RunReports");

static const struct weft_field cancel_fields[] = {
    WITHIN(struct weft_cancel, 1, request, &request),
    PLAIN(struct weft_cancel, 2, UINT64, plan),
    LIMITED(struct weft_cancel, 3, UINT32, reason, WEFT_OUT_OF_MEMORY),
};
TABLE(cancel, struct weft_cancel, "Cancel");

/* kinds are numbered as their fields in Envelope, from HELLO = 5. */
enum { FIELD_OF_KIND = 4, FIELD_PADDING = 15, FIELD_AGAIN = 16, VALUE_ALIGNMENT_BYTES = 64 };

static const struct weft_fields *table_of(const struct weft_message *message)
{
    switch (message->kind) {
    case WEFT_MESSAGE_HELLO:
        return &node;
    case WEFT_MESSAGE_PREPARE:
        return &plan;
    case WEFT_MESSAGE_PREPARED:
        return &prepared;
    case WEFT_MESSAGE_RELEASE:
        return &release;
    case WEFT_MESSAGE_DELIVER:
        return &deliver;
    case WEFT_MESSAGE_REPORT:
        return &run_reports;
    case WEFT_MESSAGE_CANCEL:
        return &cancel;
    }
    weft_bug("a message has a kind");
    return NULL;
}

enum weft_status weft_envelope_encode(const struct weft_envelope *envelope,
                                      struct weft_slices *slices, struct weft_error **error)
{
    cleanup_protobuf_writer struct weft_protobuf_writer writer;
    weft_protobuf_writer_init(&writer);
    const char *limit = NULL;
    weft_protobuf_put_fixed64(&writer, 1, envelope->incarnation);
    weft_protobuf_put_fixed64(&writer, 2, envelope->peer_incarnation);
    if (envelope->sequence != 0) {
        weft_protobuf_put_uint64(&writer, 3, envelope->sequence);
    }
    if (envelope->acknowledged != 0) {
        weft_protobuf_put_uint64(&writer, 4, envelope->acknowledged);
    }
    if (envelope->again) {
        weft_protobuf_put_uint64(&writer, FIELD_AGAIN, 1);
    }
    const struct weft_message *message = envelope->message;
    if (message != NULL) {
        size_t opened = weft_protobuf_open(&writer, FIELD_OF_KIND + (uint32_t)message->kind);
        weft_fields_write(&writer, table_of(message), &message->hello, &limit);
        weft_protobuf_close(&writer, opened);
    }
    if (limit != NULL) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT, "a %s message can't be sent: %s",
                              weft_message_kind_name(message->kind), limit);
    }
    weft_protobuf_align(&writer, FIELD_PADDING, VALUE_ALIGNMENT_BYTES);
    return weft_protobuf_finish(&writer, slices, error);
}

static void check_reports(struct weft_protobuf_reader *reader,
                          const struct weft_run_reports *reports)
{
    bool well = reports->reports_count > 0;
    for (size_t i = 0; i < reports->reports_count; i++) {
        const struct weft_report *seen = &reports->reports[i].report;
        well = well && seen->kind != 0 && (seen->kind != WEFT_REPORT_FAILED || seen->error != NULL);
    }
    if (!well) {
        weft_protobuf_fail(reader, "is a report of nothing");
    }
}

/* What a table can't say. */
static void check(struct weft_protobuf_reader *reader, const struct weft_message *message)
{
    switch (message->kind) {
    case WEFT_MESSAGE_DELIVER: {
        bool finished = message->deliver.from_output == WEFT_OUTPUT_FINISHED;
        if (!finished && message->deliver.value == NULL) {
            weft_protobuf_fail(reader, "delivers no value");
        }
        break;
    }
    case WEFT_MESSAGE_REPORT:
        check_reports(reader, &message->report);
        break;
    case WEFT_MESSAGE_PREPARE:
        if (message->prepare.gateway_node >= message->prepare.nodes_count) {
            weft_protobuf_fail(reader, "is a plan without its gateway");
        }
        break;
    default:
        break;
    }
}

static void read_message(struct weft_protobuf_reader *reader,
                         const struct weft_protobuf_field *field, const struct weft_slice *whole,
                         struct weft_message **message, struct weft_error **error)
{
    struct weft_protobuf_reader inner;
    if (*message != NULL) {
        weft_protobuf_fail(reader, "is a second message");
        return;
    }
    if (!weft_protobuf_enter(reader, field, &inner)) {
        return;
    }
    *message = weft_message_new((enum weft_message_kind)(field->number - FIELD_OF_KIND));
    if (*message == NULL) {
        (void)weft_error_set_out_of_memory(error);
        weft_protobuf_fail(reader, "does not fit memory");
        return;
    }
    weft_fields_read(&inner, table_of(*message), &(*message)->hello, whole, error);
    if (inner.failure == NULL) {
        check(&inner, *message);
    }
    weft_protobuf_leave(reader, &inner);
}

/* False for a field that is none of the numbers. */
static bool read_number(struct weft_protobuf_reader *reader,
                        const struct weft_protobuf_field *field, struct weft_envelope *envelope)
{
    switch (field->number) {
    case 1:
        envelope->incarnation = weft_protobuf_fixed64(reader, field);
        return true;
    case 2:
        envelope->peer_incarnation = weft_protobuf_fixed64(reader, field);
        return true;
    case 3:
        envelope->sequence = weft_protobuf_uint64(reader, field);
        return true;
    case 4:
        envelope->acknowledged = weft_protobuf_uint64(reader, field);
        return true;
    case FIELD_AGAIN:
        envelope->again = weft_protobuf_bool(reader, field);
        return true;
    default:
        return false;
    }
}

static void read_envelope(struct weft_protobuf_reader *reader, const struct weft_slice *whole,
                          struct weft_envelope *envelope, bool *ret_unknown,
                          struct weft_error **error)
{
    struct weft_protobuf_field field;
    while (weft_protobuf_next(reader, &field)) {
        if (read_number(reader, &field, envelope) || field.number == FIELD_PADDING) {
            continue;
        }
        if (field.number <= FIELD_OF_KIND + WEFT_MESSAGE_CANCEL) {
            read_message(reader, &field, whole, &envelope->message, error);
        } else {
            *ret_unknown = true;
        }
    }
}

enum weft_status weft_envelope_decode(const struct weft_slice *message,
                                      struct weft_envelope *ret_envelope, struct weft_error **error)
{
    struct weft_protobuf_reader reader;
    weft_protobuf_reader_init(&reader, message->data, message->size_bytes);
    struct weft_envelope envelope = {0};
    cleanup_error struct weft_error *inner = NULL;
    bool unknown = false;
    read_envelope(&reader, message, &envelope, &unknown, &inner);
    enum weft_status status = WEFT_OK;
    if (inner != NULL) {
        status = weft_error_status(inner);
        if (error != NULL) {
            weft_error_unref(*error);
            *error = steal(&inner);
        }
    } else {
        status = weft_protobuf_end(&reader, "an envelope", error);
    }
    if (status == WEFT_OK && unknown && envelope.sequence != 0 && envelope.message == NULL) {
        status =
            weft_error_set(error, WEFT_UNIMPLEMENTED,
                           "an envelope holds a message of a kind that this node doesn't know");
    }
    if (status != WEFT_OK) {
        weft_message_free(envelope.message);
        return status;
    }
    *ret_envelope = envelope;
    return WEFT_OK;
}

enum weft_status weft_envelope_decode_numbers(const struct weft_slice *message,
                                              struct weft_envelope *ret_envelope,
                                              struct weft_error **error)
{
    struct weft_protobuf_reader reader;
    struct weft_protobuf_field field;
    struct weft_envelope envelope = {0};
    weft_protobuf_reader_init(&reader, message->data, message->size_bytes);
    while (weft_protobuf_next(&reader, &field)) {
        (void)read_number(&reader, &field, &envelope);
    }
    enum weft_status status = weft_protobuf_end(&reader, "an envelope", error);
    if (status == WEFT_OK) {
        *ret_envelope = envelope;
    }
    return status;
}
