/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include <base/assert.h>

#include "../../unit/wire/http_pair.h"

/*
 * Bytes of a hostile peer into an HTTP/1.1 connection. The first byte says whose (bit 0: a
 * client's, else a server's) and in what pieces (bits 1 to 3). Holds: requests close as often as
 * they came, a stream ends once (http_pair asserts), and a connection that failed wants no more
 * bytes.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static const size_t pieces[] = {0, 1, 2, 3, 7, 64, 1000, 4096};

static void feed_server(const uint8_t *data, size_t size_bytes, size_t piece_bytes, bool early)
{
    struct weft_http_shared *shared = weft_http_shared_new();
    struct http_server server = {.early = early};
    struct weft_http *http = NULL;
    weft_assert(shared != NULL && weft_http_new_server(shared, "http", &http_server_events, &server,
                                                       &http, NULL) == WEFT_OK);
    if (!early) {
        server.last.landing = weft_buffer_new(100);
    }
    while (size_bytes > 0) {
        size_t part = piece_bytes > 0 && piece_bytes < size_bytes ? piece_bytes : size_bytes;
        if (http_give(http, data, part, 0) != WEFT_OK) {
            weft_assert(!weft_http_wants_receive(http) && weft_http_is_done(http));
            break;
        }
        free(http_take(http, NULL));
        data += part;
        size_bytes -= part;
    }
    free(http_take(http, NULL));
    weft_http_disconnect(http, true);
    weft_assert(server.handled_count == server.closed_count && weft_http_streams_count(http) == 0);
    weft_http_free(http);
    weft_http_shared_free(shared);
    http_server_fini(&server);
}

static void feed_client(const uint8_t *data, size_t size_bytes, size_t piece_bytes, bool head)
{
    struct weft_http_shared *shared = weft_http_shared_new();
    static const struct weft_http_events events = {0};
    struct http_record record = {0};
    struct weft_http *http = NULL;
    struct weft_http_stream *stream = NULL;
    struct weft_http_head request = {
        .method = head ? "HEAD" : "GET", .path = "/", .authority = "a"};
    weft_assert(shared != NULL &&
                weft_http_new_client(shared, WEFT_HTTP_1_1, "http", &events, NULL, &http, NULL) ==
                    WEFT_OK &&
                weft_http_open(http, &request, true, &http_record_events, &record, &stream, NULL) ==
                    WEFT_OK);
    free(http_take(http, NULL));
    if (http_give(http, data, size_bytes, piece_bytes) != WEFT_OK) {
        weft_assert(!weft_http_wants_receive(http));
    }
    weft_http_disconnect(http, size_bytes % 2 == 0);
    weft_assert(record.closed_count == 1);
    weft_http_free(http);
    weft_http_shared_free(shared);
    http_record_fini(&record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    if (size_bytes == 0) {
        return 0;
    }
    uint8_t how = data[0];
    size_t piece_bytes = pieces[how >> 1 & 7];
    if (how & 1) {
        feed_client(data + 1, size_bytes - 1, piece_bytes, how & 16);
    } else {
        feed_server(data + 1, size_bytes - 1, piece_bytes, how & 16);
    }
    return 0;
}
