/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <base/assert.h>
#include <wire/grpc.h>

#include "../../unit/wire/http_pair.h"

/*
 * A hostile body in a gRPC call, in DATA frames of any cut. The first byte says the encoding that
 * its head names (bit 0: gzip), the second the length of the frames. What the server answers is
 * read by a gRPC client whose answer was made from the same bytes. Holds: the call finishes once on
 * each side, no message is longer than the limit, and all leases come back.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

enum { MESSAGE_MAX_BYTES = 100000 };

struct host {
    struct weft_receive_budget budget;
    int accepted;
    int finished;
};

static void on_message(void *context, struct weft_grpc_call *call, const struct weft_slice *message)
{
    (void)context;
    weft_assert(message->size_bytes <= MESSAGE_MAX_BYTES);
    struct weft_slice answer = weft_slice_ref(message);
    if (weft_grpc_send(call, &answer, 1, NULL) != WEFT_OK) {
        weft_slice_fini(&answer);
    }
}

static void on_half_closed(void *context, struct weft_grpc_call *call)
{
    (void)context;
    weft_grpc_finish(call, WEFT_OK, NULL, NULL, 0);
}

static void on_finished(void *context, struct weft_grpc_call *call, enum weft_status status,
                        const struct weft_error *error, const struct weft_http_field *trailers,
                        size_t count)
{
    (void)call, (void)status, (void)error, (void)trailers, (void)count;
    ((struct host *)context)->finished++;
}

static const struct weft_grpc_events events = {
    .on_message = on_message, .on_half_closed = on_half_closed, .on_finished = on_finished};

static void on_request(void *context, struct weft_http_stream *stream,
                       const struct weft_http_head *head)
{
    struct host *host = context;
    struct weft_grpc_options options = {.message_max_bytes = MESSAGE_MAX_BYTES,
                                        .budget = &host->budget};
    struct weft_grpc_call *call = NULL;
    if (weft_grpc_accept(stream, head, &options, &events, host, &call, NULL) == WEFT_OK) {
        host->accepted++;
    }
}

static const struct weft_http_events http_events = {.on_request = on_request};

static void send_pieces(struct http_pair *pair, struct weft_http_stream *stream,
                        const uint8_t *data, size_t size_bytes, size_t piece_bytes)
{
    while (size_bytes > 0) {
        size_t part = size_bytes < piece_bytes ? size_bytes : piece_bytes;
        struct weft_slice slice = {0};
        weft_assert(weft_slice_copy(data, part, &slice));
        if (weft_http_stream_send(stream, NULL, 0, &slice, 1, NULL) != WEFT_OK) {
            weft_slice_fini(&slice);
            return;
        }
        http_pair_run(pair);
        data += part;
        size_bytes -= part;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    if (size_bytes < 2) {
        return 0;
    }
    struct host host = {0};
    struct http_pair pair;
    struct http_record record = {0};
    weft_receive_budget_init(&host.budget, 50000);
    http_pair_init(&pair, WEFT_HTTP_2, &http_events, &host);
    struct weft_http_field fields[] = {WEFT_HTTP_FIELD("te", "trailers"),
                                       WEFT_HTTP_FIELD("content-type", "application/grpc"),
                                       WEFT_HTTP_FIELD("grpc-encoding", "gzip")};
    struct weft_http_head head = {.method = "POST",
                                  .path = "/a.B/C",
                                  .authority = "a",
                                  .fields = fields,
                                  .fields_count = data[0] & 1 ? 3 : 2};
    struct weft_http_stream *stream = NULL;
    weft_assert(weft_http_open(pair.client, &head, false, &http_record_events, &record, &stream,
                               NULL) == WEFT_OK);
    send_pieces(&pair, stream, data + 2, size_bytes - 2, (size_t)data[1] + 1);
    if (record.closed_count == 0) {
        enum weft_status status = weft_http_stream_end(stream, NULL, 0, NULL);
        (void)status; /* refused where the server has answered */
        http_pair_run(&pair);
    }
    http_pair_fini(&pair);
    weft_assert(record.closed_count == 1 && host.accepted == 1 && host.finished == 1);
    weft_assert(host.budget.leased_bytes == 0);
    http_record_fini(&record);
    return 0;
}
