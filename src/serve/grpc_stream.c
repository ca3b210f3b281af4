/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "serve/serve_parts.h"

/*
 * ModelStreamInfer: any number of requests over one call, each answered as it ends, by one response
 * or (a model that streams) by several. What fails is a response with an error; the stream goes on.
 * A request that is large to decode may be overtaken by one behind it. A large response is not
 * compressed: it would have to leave the loop and come back before the next.
 */

/* Requests of one stream that are under way. Beyond it the client's window does not reopen; what
 * had come before is still begun. */
enum { STREAM_REQUESTS_MAX = 64 };

struct stream {
    struct talk talk;
    struct weft_list requests;
    size_t requests_count;
    bool half_closed;
    bool cancelled;
    bool paused;
};

struct stream_request {
    struct weft_list link;
    struct stream *stream;
    struct serve_infer infer;
    struct serve_message message;
    /* Outputs that came in parts: names of the pipeline, which lives until `done` has returned. */
    const char **streamed;
    size_t streamed_count;
    bool failed;    /* and the client was told */
    bool empty_end; /* the client wants a response that only says that it was the last */
};

/* --- life --- */

/* May be the last thing that happens to the stream. */
static void end_if_over(struct stream *stream)
{
    if (stream->requests_count > 0 || !(stream->half_closed || stream->cancelled)) {
        return;
    }
    struct weft_serve *serve = stream->talk.entry->serve;
    serve_finish(&stream->talk, NULL);
    free(stream);
    serve_release(serve);
}

/* A client that doesn't read, or has enough under way, is not listened to. */
static void heed_flow(struct stream *stream)
{
    bool pause = stream->requests_count >= STREAM_REQUESTS_MAX ||
                 weft_server_call_queued_bytes(stream->talk.call) > (size_t)WEFT_HTTP_DRAINED_BYTES;
    if (pause != stream->paused) {
        stream->paused = pause;
        weft_server_call_pause(stream->talk.call, pause);
    }
}

static void request_free(struct stream_request *request)
{
    weft_list_remove(&request->link);
    request->stream->requests_count--;
    serve_message_fini(&request->message);
    serve_infer_fini(request->stream->talk.entry->serve, &request->infer);
    free(request->streamed);
    free(request);
}

/* --- responses --- */

static enum weft_status respond(struct stream *stream, struct serve_infer *infer, bool last,
                                const struct weft_oip_response *response,
                                const struct weft_error *failure, struct weft_error **error)
{
    cleanup_slices struct weft_slices slices = {0};
    enum weft_status status =
        weft_oip_grpc_stream_response_encode(response, failure, &slices, error);
    return status == WEFT_OK ? serve_send(&stream->talk, infer, last, &slices, NULL, error)
                             : status;
}

/* The last of a request that failed. */
static void send_failure(struct stream_request *request, const struct weft_error *failure)
{
    const struct talk *talk = &request->stream->talk;
    struct weft_oip_response response = {
        .model = request->infer.request.model,
        .id = request->infer.request.id,
    };
    cleanup_error struct weft_error *error = NULL;
    weft_log(talk->entry->serve->options.log, WEFT_LOG_INFO, &talk->trace,
             "a request of a stream failed: %s", weft_error_message(failure));
    request->failed = true;
    if (respond(request->stream, &request->infer, true, &response, failure, &error) != WEFT_OK) {
        weft_log(talk->entry->serve->options.log, WEFT_LOG_ERROR, &talk->trace,
                 "a response of a stream is lost: %s", weft_error_message(error));
    }
}

/* Responses of a stream say whether another follows, in Triton's word for it. False where it became
 * a failure. */
static bool send_outputs(struct stream_request *request, const struct weft_values *outputs,
                         bool final)
{
    struct weft_named_value items[WEFT_VALUES_MAX];
    struct weft_oip_response response;
    cleanup_error struct weft_error *error = NULL;
    serve_infer_response(&request->infer, outputs, items, &response);
    enum weft_status status =
        weft_parameters_set_bool(&response.parameters, "triton_final_response", final, &error);
    if (status == WEFT_OK) {
        status = respond(request->stream, &request->infer, final, &response, NULL, &error);
    }
    weft_parameters_fini(&response.parameters);
    if (status != WEFT_OK) {
        send_failure(request, error);
    }
    return status == WEFT_OK;
}

static bool has_streamed(const struct stream_request *request, const char *output)
{
    for (size_t i = 0; i < request->streamed_count; i++) {
        if (strcmp(request->streamed[i], output) == 0) {
            return true;
        }
    }
    return false;
}

static void note_streamed(struct stream_request *request, const char *output)
{
    if (has_streamed(request, output)) {
        return;
    }
    const char **names = realloc(request->streamed, (request->streamed_count + 1) * sizeof(*names));
    if (names != NULL) { /* else its last part is sent twice */
        request->streamed = names;
        names[request->streamed_count++] = output;
    }
}

static void part(void *context, const char *output, struct weft_value *value)
{
    struct stream_request *request = context;
    struct weft_named_value item = {(char *)(uintptr_t)output, value};
    struct weft_values outputs = {.items = &item, .count = 1};
    note_streamed(request, output);
    if (value != NULL && !request->failed &&
        weft_oip_request_wants(&request->infer.request, output)) {
        if (!send_outputs(request, &outputs, false) && request->infer.call != NULL) {
            weft_run_cancel(request->infer.call); /* what came behind it would have a hole */
        }
        heed_flow(request->stream);
    }
}

/* What did not come in parts is the last response. */
static void send_rest(struct stream_request *request, const struct weft_values *outputs)
{
    struct weft_named_value items[WEFT_VALUES_MAX];
    struct weft_values rest = {.items = items};
    for (size_t i = 0; i < outputs->count; i++) {
        if (!has_streamed(request, outputs->items[i].name) &&
            weft_oip_request_wants(&request->infer.request, outputs->items[i].name)) {
            items[rest.count++] = outputs->items[i];
        }
    }
    if (rest.count > 0 || request->streamed_count == 0 || request->empty_end) {
        (void)send_outputs(request, &rest, true);
    }
}

static void done(void *context, struct weft_error *error, const struct weft_values *outputs)
{
    struct stream_request *request = context;
    struct stream *stream = request->stream;
    request->infer.call = NULL;
    if (error != NULL && !request->failed) {
        send_failure(request, error);
    } else if (!request->failed) {
        send_rest(request, outputs);
    }
    request_free(request);
    heed_flow(stream);
    end_if_over(stream);
}

/* --- requests --- */

static enum weft_status start(struct stream_request *request, struct weft_error **error)
{
    static const struct weft_run_events events = {part, done};
    struct stream *stream = request->stream;
    struct weft_oip_request *oip = &request->infer.request;
    struct weft_parameter empty_end;
    if (serve_take_parameter(&oip->parameters, "triton_enable_empty_final_response", &empty_end)) {
        request->empty_end = empty_end.boolean;
    }
    return serve_infer_start(stream->talk.entry->serve, &request->infer, oip->version,
                             &stream->talk.trace, weft_loop_now_ns(),
                             weft_server_call_deadline_ns(stream->talk.call), &events, request,
                             error);
}

/* Once its message is decoded, or has failed to be. */
static void go_on(struct stream_request *request)
{
    cleanup_error struct weft_error *error = steal(&request->message.error);
    if (error != NULL || start(request, &error) != WEFT_OK) {
        send_failure(request, error);
        request_free(request);
    }
}

static void decoded(struct weft_job *job, bool cancelled)
{
    struct stream_request *request = weft_list_entry(job, struct stream_request, message.job);
    struct stream *stream = request->stream;
    serve_message_returned(stream->talk.entry->serve, &request->message, stream->talk.call,
                           cancelled);
    go_on(request);
    heed_flow(stream);
    end_if_over(stream);
}

static void on_message(void *context, struct weft_server_call *call,
                       const struct weft_slice *message)
{
    struct stream *stream = context;
    struct stream_request *request = calloc(1, sizeof(*request));
    if (request == NULL) {
        struct serve_infer none = {0};
        cleanup_error struct weft_error *error = NULL;
        (void)weft_error_set_out_of_memory(&error);
        (void)!respond(stream, &none, true, NULL, error, NULL);
        return;
    }
    request->stream = stream;
    request->message.infer = &request->infer;
    weft_list_append(&stream->requests, &request->link);
    stream->requests_count++;
    if (!serve_message_begin(stream->talk.entry->serve, &request->message, call, message,
                             decoded)) {
        go_on(request);
    }
    heed_flow(stream);
}

static void on_half_closed(void *context, struct weft_server_call *call)
{
    struct stream *stream = context;
    (void)call;
    stream->half_closed = true;
    end_if_over(stream);
}

static void on_cancelled(void *context, struct weft_server_call *call, enum weft_status reason)
{
    struct stream *stream = context;
    (void)call, (void)reason;
    stream->cancelled = true;
    for (struct weft_list *link = stream->requests.next; link != &stream->requests;
         link = link->next) {
        struct stream_request *request = weft_list_entry(link, struct stream_request, link);
        if (request->infer.call != NULL) {
            weft_run_cancel(request->infer.call);
        } else {
            (void)weft_executor_cancel(&request->message.job);
        }
    }
    end_if_over(stream);
}

static void on_drained(void *context, struct weft_server_call *call)
{
    (void)call;
    heed_flow(context);
}

void serve_grpc_stream(struct weft_serve *serve, struct talk *talk)
{
    static const struct weft_server_call_events events = {on_message, on_half_closed, on_cancelled,
                                                          on_drained};
    struct stream *stream = calloc(1, sizeof(*stream));
    if (stream == NULL) {
        cleanup_error struct weft_error *error = NULL;
        (void)weft_error_set_out_of_memory(&error);
        serve_finish(talk, error);
        return;
    }
    stream->talk = *talk;
    weft_list_init(&stream->requests);
    serve_hold(serve);
    weft_server_call_handle(talk->call, &events, stream);
}
