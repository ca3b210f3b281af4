/* SPDX-License-Identifier: Apache-2.0 */
#include "link/http_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/cleanup.h"
#include "link/internal.h"

enum {
    CONNECT_TIMEOUT_MS = 5000,
    FIELDS_MAX = 32,
};

/* What is kept of a request until its answer has begun, for the second try. */
struct request {
    char *method;
    char *target;
    struct weft_http_field fields[FIELDS_MAX + 1]; /* their texts are ours */
    size_t fields_count;
    struct weft_slice *body;
    size_t body_count;
    char length[24];
};

struct weft_http_client {
    struct weft_link *link;
    char *address;
    struct weft_connect *connect;
    struct weft_connection connection;
    bool connected;
    bool reused; /* the connection has answered before */
    bool retried;
    bool busy;
    bool closes;
    struct weft_http_stream *stream;
    struct request request;
    struct weft_timer deadline;
    struct weft_deferred finish;
    weft_http_client_done *done;
    void *context;
    struct weft_error *error;
    struct weft_http_response response; /* its fields live as long as the stream */
    struct weft_buffer *buffer;
    size_t buffer_capacity;
    size_t received_bytes;
    bool answered;
};

/* --- the end of a request --- */

static void drop_request(struct request *request)
{
    for (size_t i = 0; i < request->fields_count; i++) {
        free((char *)(uintptr_t)request->fields[i].name);
        free((char *)(uintptr_t)request->fields[i].value);
    }
    for (size_t i = 0; i < request->body_count; i++) {
        weft_slice_fini(&request->body[i]);
    }
    free(request->body);
    free(request->method);
    free(request->target);
    *request = (struct request){0};
}

static void drop_response(struct weft_http_client *client)
{
    weft_buffer_unref(client->buffer);
    client->buffer = NULL;
    client->buffer_capacity = 0;
    client->received_bytes = 0;
    client->answered = false;
    client->response = (struct weft_http_response){0};
}

static void free_if_closed(struct weft_http_client *client)
{
    if (client->closes && !client->busy && !client->connected && client->connect == NULL) {
        weft_timer_cancel(&client->deadline);
        weft_deferred_cancel(&client->finish);
        free(client->address);
        free(client);
    }
}

/* Takes the error. From HTTP's events and the end of a turn only. */
static void finish(struct weft_http_client *client, struct weft_error *error)
{
    weft_timer_cancel(&client->deadline);
    weft_deferred_cancel(&client->finish);
    drop_request(&client->request);
    client->busy = false;
    client->stream = NULL;
    client->response.body =
        (struct weft_slice){client->buffer, client->buffer != NULL ? client->buffer->data : NULL,
                            client->received_bytes};
    struct weft_buffer *buffer = steal(&client->buffer);
    struct weft_http_response response = client->response;
    drop_response(client);
    client->done(client->context, error == NULL ? &response : NULL, error);
    weft_buffer_unref(buffer);
    weft_error_unref(error);
}

static void on_finish(void *context)
{
    struct weft_http_client *client = context;
    finish(client, steal(&client->error));
    free_if_closed(client);
}

/* Takes the error. */
static void fail_later(struct weft_http_client *client, struct weft_error *error)
{
    weft_error_unref(client->error);
    client->error = error;
    weft_loop_defer(client->link->loop, &client->finish);
}

/* --- the response --- */

static void on_head(void *context, struct weft_http_stream *stream,
                    const struct weft_http_head *head)
{
    struct weft_http_client *client = context;
    (void)stream;
    client->answered = true;
    client->response.status = head->status;
    client->response.fields = head->fields;
    client->response.fields_count = head->fields_count;
}

static bool reserve(struct weft_http_client *client, size_t size_bytes)
{
    if (size_bytes <= client->buffer_capacity) {
        return true;
    }
    size_t capacity =
        client->buffer_capacity * 2 > size_bytes ? client->buffer_capacity * 2 : size_bytes;
    struct weft_buffer *buffer = weft_pool_buffer(client->link->pool, capacity);
    if (buffer == NULL) {
        return false;
    }
    weft_copy(buffer->data, client->buffer != NULL ? client->buffer->data : NULL,
              client->received_bytes);
    weft_buffer_unref(client->buffer);
    client->buffer = buffer;
    client->buffer_capacity = capacity;
    return true;
}

static void on_data(void *context, struct weft_http_stream *stream, const struct weft_slice *data)
{
    struct weft_http_client *client = context;
    size_t after = client->received_bytes + data->size_bytes;
    weft_http_stream_consumed(stream, data->size_bytes);
    if (client->error != NULL) {
        return;
    }
    if (after > WEFT_HTTP_CLIENT_BODY_MAX_BYTES || !reserve(client, after)) {
        weft_error_set(&client->error, WEFT_RESOURCE_EXHAUSTED, "the answer of %s is too large",
                       client->address);
        weft_http_stream_reset(stream, WEFT_HTTP_CANCEL);
        return;
    }
    weft_copy(client->buffer->data + client->received_bytes, data->data, data->size_bytes);
    client->received_bytes = after;
}

static void on_landed(void *context, struct weft_http_stream *stream, size_t size_bytes,
                      bool complete)
{
    (void)context, (void)stream, (void)size_bytes, (void)complete; /* no zone was named */
}

static void on_end(void *context, struct weft_http_stream *stream,
                   const struct weft_http_field *trailers, size_t trailers_count)
{
    (void)context, (void)stream, (void)trailers, (void)trailers_count;
}

static void start(struct weft_http_client *client);

static void on_stream_closed(void *context, struct weft_http_stream *stream,
                             const struct weft_http_close *close)
{
    struct weft_http_client *client = context;
    (void)stream;
    client->stream = NULL;
    if (close->status == WEFT_OK && client->error == NULL) {
        client->reused = true;
        finish(client, NULL);
        return;
    }
    /* A kept connection that the server closed while we were writing: nothing of the request was
     * seen. */
    if (client->error == NULL && client->reused && !client->answered && !client->retried) {
        client->retried = true;
        weft_connection_end(&client->connection, NULL);
        return;
    }
    struct weft_error *error = steal(&client->error);
    if (error == NULL) {
        weft_error_set(&error, close->status == WEFT_OK ? WEFT_UNAVAILABLE : close->status,
                       "%s ended the connection before its answer was whole", client->address);
    }
    finish(client, error);
}

static const struct weft_http_stream_events stream_events = {
    .on_head = on_head,
    .on_data = on_data,
    .on_landed = on_landed,
    .on_end = on_end,
    .on_closed = on_stream_closed,
};

/* --- the connection --- */

static void on_request(void *context, struct weft_http_stream *stream,
                       const struct weft_http_head *head)
{
    (void)context, (void)stream, (void)head;
}

static void on_closed(void *context, const struct weft_error *error)
{
    struct weft_http_client *client = context;
    (void)error;
    client->connected = false;
    client->reused = false;
    if (client->busy && client->stream == NULL && client->error == NULL && !client->closes) {
        start(client); /* the second try, or a request made while the old connection was closing */
    }
    free_if_closed(client);
}

static const struct weft_connection_owner owner = {
    .request = on_request,
    .closed = on_closed,
};

static bool copy_body(const struct request *request, struct weft_slice *slices)
{
    for (size_t i = 0; i < request->body_count; i++) {
        slices[i] = weft_slice_ref(&request->body[i]);
    }
    return request->body_count > 0;
}

static void send_request(struct weft_http_client *client)
{
    struct request *request = &client->request;
    struct weft_error *error = NULL;
    struct weft_http_head head = {
        .method = request->method,
        .authority = client->address,
        .path = request->target,
        .fields = request->fields,
        .fields_count = request->fields_count,
    };
    cleanup_free struct weft_slice *slices = calloc(request->body_count + 1, sizeof(*slices));
    enum weft_status status =
        slices == NULL ? weft_error_set_out_of_memory(&error)
                       : weft_http_open(client->connection.http, &head, request->body_count == 0,
                                        &stream_events, client, &client->stream, &error);
    if (status == WEFT_OK && copy_body(request, slices)) {
        status =
            weft_http_stream_send(client->stream, NULL, 0, slices, request->body_count, &error);
        for (size_t i = 0; status != WEFT_OK && i < request->body_count; i++) {
            weft_slice_fini(&slices[i]);
        }
        if (status == WEFT_OK) {
            status = weft_http_stream_end(client->stream, NULL, 0, &error);
        }
    }
    if (status != WEFT_OK && client->stream != NULL) {
        client->error = error;
        weft_http_stream_reset(client->stream, WEFT_HTTP_CANCEL);
    } else if (status != WEFT_OK) {
        fail_later(client, error);
    }
}

static void on_connected(void *context, struct weft_stream *stream, struct weft_error *error)
{
    struct weft_http_client *client = context;
    struct weft_error *trouble = weft_error_ref(error);
    client->connect = NULL;
    if (error == NULL && weft_connection_open(&client->connection, client->link, stream,
                                              WEFT_HTTP_1_1, &owner, client, &trouble) != WEFT_OK) {
        weft_stream_close(stream);
    }
    if (trouble != NULL) {
        fail_later(client, trouble);
        return;
    }
    client->connected = true;
    send_request(client);
}

static void start(struct weft_http_client *client)
{
    if (client->connected && !client->connection.ends &&
        weft_http_can_open(client->connection.http)) {
        send_request(client);
        return;
    }
    if (client->connected) {
        weft_connection_end(&client->connection, NULL); /* on_closed goes on */
        return;
    }
    struct weft_error *error = NULL;
    uint64_t deadline_ns = weft_loop_now_ns() + CONNECT_TIMEOUT_MS * WEFT_NS_PER_MS;
    if (weft_tcp_connect(client->link->loop, client->address, &client->link->tcp, deadline_ns,
                         on_connected, client, &client->connect, &error) != WEFT_OK) {
        fail_later(client, error);
    }
}

static void stop(struct weft_http_client *client, enum weft_status status, const char *words)
{
    struct weft_error *error = NULL;
    weft_error_set(&error, status, "%s", words);
    if (client->connect != NULL) {
        weft_connect_cancel(client->connect);
        client->connect = NULL;
    }
    if (client->stream != NULL) {
        weft_error_unref(client->error);
        client->error = error;
        weft_http_stream_reset(client->stream, WEFT_HTTP_CANCEL);
        weft_connection_nudge(&client->connection);
    } else {
        fail_later(client, error);
    }
}

static void on_deadline(void *context)
{
    stop(context, WEFT_DEADLINE_EXCEEDED, "no answer in time");
}

/* --- what the caller says --- */

enum weft_status weft_http_client_open(struct weft_link *link, const char *address,
                                       struct weft_http_client **ret_client,
                                       struct weft_error **error)
{
    char host[WEFT_ADDRESS_TEXT_MAX];
    uint16_t port = 0;
    enum weft_status status = weft_address_split(address, host, &port, error);
    if (status != WEFT_OK) {
        return status;
    }
    struct weft_http_client *client = calloc(1, sizeof(*client));
    char *copy = strdup(address);
    if (client == NULL || copy == NULL) {
        free(client);
        free(copy);
        return weft_error_set_out_of_memory(error);
    }
    client->link = link;
    client->address = copy;
    weft_timer_init(&client->deadline, link->loop, on_deadline, client);
    weft_deferred_init(&client->finish, on_finish, client);
    *ret_client = client;
    return WEFT_OK;
}

static bool copy_fields(struct request *request, const struct weft_http_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct weft_http_field *copy = &request->fields[request->fields_count++];
        *copy = fields[i];
        copy->name = strndup(fields[i].name, fields[i].name_length);
        copy->value = strndup(fields[i].value, fields[i].value_length);
        copy->constant = false;
        if (copy->name == NULL || copy->value == NULL) {
            return false;
        }
    }
    return true;
}

static bool copy_request(struct request *request, const char *method, const char *target,
                         const struct weft_http_field *fields, size_t fields_count,
                         const struct weft_slice *body, size_t body_count)
{
    size_t size_bytes = 0;
    for (size_t i = 0; i < body_count; i++) {
        size_bytes += body[i].size_bytes;
    }
    int length = snprintf(request->length, sizeof(request->length), "%zu", size_bytes);
    struct weft_http_field content_length = {.name = "content-length",
                                             .value = request->length,
                                             .name_length = 14,
                                             .value_length = (uint32_t)length};
    request->method = strdup(method);
    request->target = strdup(target);
    request->body = calloc(body_count + 1, sizeof(*request->body));
    bool has_length = size_bytes > 0 || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0;
    if (request->method == NULL || request->target == NULL || request->body == NULL ||
        !copy_fields(request, fields, fields_count) ||
        (has_length && !copy_fields(request, &content_length, 1))) {
        return false;
    }
    if (size_bytes > 0) {
        memcpy(request->body, body, body_count * sizeof(*body));
        request->body_count = body_count;
    }
    return true;
}

enum weft_status weft_http_client_request(struct weft_http_client *client, const char *method,
                                          const char *target, const struct weft_http_field *fields,
                                          size_t fields_count, struct weft_slice *take_body,
                                          size_t body_count, uint64_t deadline_ns,
                                          weft_http_client_done *done, void *context,
                                          struct weft_error **error)
{
    weft_assert(!client->closes && fields_count <= FIELDS_MAX);
    if (client->busy) {
        return weft_error_set(error, WEFT_FAILED_PRECONDITION, "a request to %s is under way",
                              client->address);
    }
    if ((deadline_ns != 0 && weft_timer_set(&client->deadline, deadline_ns) != WEFT_OK) ||
        !copy_request(&client->request, method, target, fields, fields_count, take_body,
                      body_count)) {
        weft_timer_cancel(&client->deadline);
        drop_request(&client->request);
        return weft_error_set_out_of_memory(error);
    }
    client->busy = true;
    client->retried = false;
    client->done = done;
    client->context = context;
    start(client);
    return WEFT_OK;
}

bool weft_http_client_is_busy(const struct weft_http_client *client)
{
    return client->busy;
}

void weft_http_client_close(struct weft_http_client *client)
{
    client->closes = true;
    if (client->busy) {
        stop(client, WEFT_CANCELLED, "the client was closed");
    }
    if (client->connected) {
        weft_connection_end(&client->connection, NULL);
    }
    free_if_closed(client);
}
