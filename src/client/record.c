/* SPDX-License-Identifier: Apache-2.0 */
#include "client/record.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void weft_record_fini(struct weft_record *record)
{
    weft_document_free(record->document);
    free(record->json);
    free(record->steps);
    *record = (struct weft_record){0};
}

/* The lane that a step's inputs came over. */
static const char *lane_of(const struct weft_item *edges, const char *step)
{
    const char *lane = "";
    for (const struct weft_item *edge = edges != NULL ? edges->first : NULL; edge != NULL;
         edge = edge->next) {
        const char *used = weft_item_text(edge, "lane_used");
        if (strcmp(weft_item_text(edge, "consumer"), step) != 0 || *used == '\0' ||
            strcmp(used, lane) == 0) {
            continue;
        }
        if (*lane != '\0') {
            return "mixed";
        }
        lane = used;
    }
    return lane;
}

static void read_steps(struct weft_record *record, const struct weft_item *root)
{
    const struct weft_item *edges = weft_item_member(root, "edges");
    const struct weft_item *item = weft_item_member(root, "steps")->first;
    for (size_t i = 0; i < record->steps_count; i++, item = item->next) {
        const char *name = weft_item_text(item, "step");
        record->steps[i] = (struct weft_record_step){
            .name = name,
            .model = weft_item_text(item, "model"),
            .node = weft_item_text(item, "node"),
            .state = weft_item_text(item, "state"),
            .cache = weft_item_text(item, "cache"),
            .lane = lane_of(edges, name),
            .start_ns = weft_item_uint64(item, "start_ns"),
            .end_ns = weft_item_uint64(item, "end_ns"),
            .bytes_in = weft_item_uint64(item, "bytes_in"),
            .bytes_out = weft_item_uint64(item, "bytes_out"),
        };
    }
}

enum weft_status weft_record_parse(const char *json, size_t length, struct weft_record *ret_record,
                                   struct weft_error **error)
{
    cleanup_record struct weft_record record = {0};
    enum weft_status status =
        weft_document_parse(json, length, "the record", &record.document, error);
    if (status != WEFT_OK) {
        return status;
    }
    const struct weft_item *root = weft_document_root(record.document);
    const struct weft_item *steps = weft_item_member(root, "steps");
    if (steps == NULL || steps->kind != WEFT_DOCUMENT_ARRAY) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT, "the record has no list of steps");
    }
    record.json = strndup(root->raw, root->raw_bytes);
    record.json_length = root->raw_bytes;
    record.steps_count = steps->count;
    record.steps = calloc(steps->count + 1, sizeof(*record.steps));
    if (record.json == NULL || record.steps == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    record.id = weft_item_text(root, "id");
    record.pipeline = weft_item_text(root, "pipeline");
    record.settled = weft_item_is_true(root, "settled");
    record.start_ns = weft_item_uint64(root, "start_ns");
    record.end_ns = weft_item_uint64(root, "end_ns");
    read_steps(&record, root);
    *ret_record = record;
    record = (struct weft_record){0};
    return WEFT_OK;
}

/* An id as part of a path (RFC 3986, section 2.3: what need not be escaped). */
static void append_escaped(struct weft_text *text, const char *id)
{
    for (const unsigned char *at = (const unsigned char *)id; *at != '\0'; at++) {
        bool plain = (*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'z') ||
                     (*at >= 'A' && *at <= 'Z') || strchr("-._~", *at) != NULL;
        weft_text_printf(text, plain ? "%c" : "%%%02X", *at);
    }
}

enum weft_status weft_record_get(struct weft_client *client, const char *id, uint64_t timeout_ms,
                                 struct weft_record *ret_record, struct weft_error **error)
{
    cleanup_text struct weft_text target = {0};
    cleanup_text struct weft_text json = {0};
    weft_text_append_string(&target, "/v1/requests/");
    append_escaped(&target, id);
    if (target.failed) {
        return weft_error_set_out_of_memory(error);
    }
    enum weft_status status =
        weft_client_http(client, "GET", weft_text_string(&target), NULL, timeout_ms, &json, error);
    return status == WEFT_OK
               ? weft_record_parse(weft_text_string(&json), json.length, ret_record, error)
               : status;
}

enum weft_status weft_record_wait(struct weft_client *client, const char *id,
                                  struct weft_record *ret_record, struct weft_error **error)
{
    const struct timespec pause = {.tv_nsec = WEFT_RECORD_POLL_MS * 1000 * 1000};
    for (int left = WEFT_RECORD_SETTLE_MS / WEFT_RECORD_POLL_MS;; left--) {
        cleanup_record struct weft_record record = {0};
        enum weft_status status =
            weft_record_get(client, id, WEFT_RECORD_SETTLE_MS, &record, error);
        if (status != WEFT_OK) {
            return status;
        }
        if (record.settled || left == 0) {
            *ret_record = record;
            record = (struct weft_record){0};
            return WEFT_OK;
        }
        nanosleep(&pause, NULL);
    }
}

size_t weft_record_nodes(const struct weft_record *record)
{
    size_t nodes = 0;
    for (size_t i = 0; i < record->steps_count; i++) {
        const char *node = record->steps[i].node;
        size_t before = 0;
        while (before < i && strcmp(record->steps[before].node, node) != 0) {
            before++;
        }
        nodes += before == i && *node != '\0';
    }
    return nodes;
}

static void write_string(struct weft_text *text, const char *string)
{
    weft_text_append_json(text, string, strlen(string));
}

static void write_between(struct weft_text *text, const struct weft_between *between)
{
    if (between == NULL) {
        weft_text_append_string(text, ",\"between_nodes_bytes\":null,\"between_nodes\":[]");
        return;
    }
    weft_text_printf(text, ",\"between_nodes_bytes\":%" PRIu64 ",\"between_nodes\":[",
                     weft_between_bytes(between));
    for (size_t i = 0; i < weft_between_count(between); i++) {
        struct weft_between_pair pair = weft_between_at(between, i);
        weft_text_append_string(text, i > 0 ? ",{\"from\":" : "{\"from\":");
        write_string(text, pair.from);
        weft_text_append_string(text, ",\"to\":");
        write_string(text, pair.to);
        weft_text_printf(text, ",\"bytes\":%" PRIu64 "}", pair.bytes);
    }
    weft_text_append_string(text, "]");
}

void weft_record_write(const struct weft_record *record, const char *server, uint64_t duration_ns,
                       const struct weft_between *between, struct weft_text *text)
{
    weft_text_append(text, record->json, record->json_length - 1);
    weft_text_append_string(text, ",\"client\":{\"server\":");
    write_string(text, server);
    weft_text_printf(text, ",\"duration_ns\":%" PRIu64 "}", duration_ns);
    write_between(text, between);
    weft_text_append_string(text, "}");
}
