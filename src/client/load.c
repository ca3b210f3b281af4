/* SPDX-License-Identifier: Apache-2.0 */
#include "client/load.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link/grpc_client.h"
#include "link/http_client.h"
#include "wire/oip_grpc.h"
#include "wire/oip_json.h"

/* A timer may be two milliseconds late; so near to the next start the loop is turned without
 * sleeping. */
#define AWAKE_NS (3 * WEFT_NS_PER_MS)

struct load;

/* Room for one call in flight. */
struct shot {
    struct load *load;
    struct shot *next_free;
    struct weft_channel *channel;
    struct weft_http_client *http;
    uint64_t meant_ns; /* when it was meant to start */
};

struct load {
    const struct weft_load_options *options;
    struct weft_load_result *result;
    struct weft_loop *loop;
    struct weft_link *link;
    struct weft_channel **channels;
    size_t channels_count;
    size_t channels_closed;
    struct shot *shots;
    struct shot *free;
    size_t in_flight;
    struct weft_timer timer;
    struct weft_slices message;
    char *target;
    char json_bytes[24];
    uint64_t start_ns;
    uint64_t started;
    uint64_t failures; /* in a row */
    uint64_t last_ns;
};

void weft_load_result_fini(struct weft_load_result *result)
{
    weft_error_unref(result->first_failure);
    result->first_failure = NULL;
}

/* --- the end of a call --- */

static void ended(struct shot *shot, enum weft_status status, struct weft_error *take_failure)
{
    struct load *load = shot->load;
    struct weft_load_result *result = load->result;
    load->last_ns = weft_loop_now_ns();
    result->statuses[status]++;
    if (status == WEFT_OK) {
        weft_latency_add(&result->latency, load->last_ns - shot->meant_ns);
        load->failures = 0;
    } else {
        load->failures++;
        result->gave_up |= load->failures >= WEFT_LOAD_FAILURES_MAX;
    }
    if (result->first_failure == NULL) {
        result->first_failure = take_failure;
    } else {
        weft_error_unref(take_failure);
    }
    shot->next_free = load->free;
    load->free = shot;
    load->in_flight--;
}

static void grpc_done(void *context, const struct weft_slice *reply, const struct weft_error *error)
{
    (void)reply;
    ended(context, weft_error_status(error), weft_error_ref((struct weft_error *)(uintptr_t)error));
}

static void http_done(void *context, const struct weft_http_response *response,
                      const struct weft_error *error)
{
    struct weft_error *failure = weft_error_ref((struct weft_error *)(uintptr_t)error);
    if (failure == NULL && response->status != 200) {
        int length = response->body.size_bytes < 300 ? (int)response->body.size_bytes : 300;
        enum weft_status status = response->status == 404 ? WEFT_NOT_FOUND
                                  : response->status == 400
                                      ? WEFT_INVALID_ARGUMENT
                                      : weft_status_from_http(response->status);
        weft_error_set(&failure, status, "HTTP %d: %.*s", response->status, length,
                       length > 0 ? (const char *)response->body.data : "");
    }
    ended(context, weft_error_status(failure), failure);
}

/* --- the start of a call --- */

/* References of its own to the message, which is sent again and again. */
static bool copy_references(struct load *load, struct weft_slices *slices)
{
    for (size_t i = 0; i < load->message.count; i++) {
        struct weft_slice slice = weft_slice_ref(&weft_slices_items(&load->message)[i]);
        if (!weft_slices_add(slices, &slice)) {
            weft_slice_fini(&slice);
            return false;
        }
    }
    return true;
}

static enum weft_status call(struct load *load, struct shot *shot, struct weft_slices *slices,
                             struct weft_error **error)
{
    uint64_t deadline_ns = weft_loop_now_ns() + load->options->timeout_ms * WEFT_NS_PER_MS;
    if (!load->options->http) {
        struct weft_client_call_options options = {
            .path = "/inference.GRPCInferenceService/ModelInfer", .deadline_ns = deadline_ns};
        return weft_channel_unary(shot->channel, &options, weft_slices_items(slices), slices->count,
                                  grpc_done, shot, NULL, error);
    }
    struct weft_http_field fields[] = {
        {.name = "content-type",
         .name_length = strlen("content-type"),
         .value = "application/octet-stream",
         .value_length = strlen("application/octet-stream")},
        {.name = "inference-header-content-length",
         .name_length = strlen("inference-header-content-length"),
         .value = load->json_bytes,
         .value_length = (uint32_t)strlen(load->json_bytes)},
    };
    return weft_http_client_request(shot->http, "POST", load->target, fields, 2,
                                    weft_slices_items(slices), slices->count, deadline_ns,
                                    http_done, shot, error);
}

static void start_one(struct load *load, uint64_t meant_ns)
{
    cleanup_slices struct weft_slices slices = {0};
    struct weft_error *error = NULL;
    struct shot *shot = load->free;
    load->free = shot->next_free;
    shot->meant_ns = meant_ns;
    load->started++;
    load->in_flight++;
    enum weft_status status = copy_references(load, &slices) ? call(load, shot, &slices, &error)
                                                             : weft_error_set_out_of_memory(&error);
    if (status == WEFT_OK) {
        weft_slices_forget(&slices);
    } else {
        ended(shot, status, error);
    }
}

/* When the next is meant to start; WEFT_DEADLINE_NEVER_NS where no more do. */
static uint64_t next_ns(const struct load *load, uint64_t now_ns)
{
    const struct weft_load_options *options = load->options;
    uint64_t meant_ns = now_ns;
    if (options->rate > 0) {
        meant_ns = load->start_ns + (uint64_t)((double)load->started * 1e9 / options->rate);
    }
    bool over = load->result->gave_up ||
                (options->requests != 0 && load->started >= options->requests) ||
                (options->duration_ns != 0 && meant_ns - load->start_ns >= options->duration_ns);
    return over ? WEFT_DEADLINE_NEVER_NS : meant_ns;
}

/* Starts what is due; returns when the next is. */
static uint64_t start_due(struct load *load)
{
    for (;;) {
        uint64_t now_ns = weft_loop_now_ns();
        uint64_t meant_ns = next_ns(load, now_ns);
        if (meant_ns > now_ns || load->free == NULL) {
            return meant_ns;
        }
        /* A millisecond is no lateness but the width of a turn. */
        load->result->late += now_ns - meant_ns > WEFT_NS_PER_MS;
        start_one(load, meant_ns);
    }
}

static void wake(void *context)
{
    (void)context;
}

static void run(struct load *load)
{
    load->start_ns = load->last_ns = weft_loop_now_ns();
    for (;;) {
        uint64_t due_ns = start_due(load);
        if (due_ns == WEFT_DEADLINE_NEVER_NS && load->in_flight == 0) {
            break;
        }
        uint64_t now_ns = weft_loop_now_ns();
        bool waits_for_time = load->free != NULL && due_ns != WEFT_DEADLINE_NEVER_NS;
        bool sleeps = !waits_for_time || due_ns > now_ns + AWAKE_NS;
        weft_timer_cancel(&load->timer);
        if (sleeps && waits_for_time &&
            weft_timer_set(&load->timer, due_ns - AWAKE_NS) != WEFT_OK) {
            sleeps = false;
        }
        weft_loop_turn(load->loop, sleeps);
        if (!sleeps) {
            sched_yield();
        }
    }
    weft_timer_cancel(&load->timer);
    load->result->elapsed_ns = load->last_ns - load->start_ns;
}

/* --- set-up --- */

static enum weft_status encode(struct load *load, struct weft_error **error)
{
    const struct weft_oip_request *request = load->options->request;
    if (!load->options->http) {
        return weft_oip_grpc_request_encode(request, &load->message, error);
    }
    size_t json_bytes = 0;
    enum weft_status status =
        weft_oip_json_request_encode(request, &load->message, &json_bytes, error);
    snprintf(load->json_bytes, sizeof(load->json_bytes), "%zu", json_bytes);
    if (status == WEFT_OK && asprintf(&load->target, "/v2/models/%s%s%s/infer", request->model,
                                      request->version != NULL ? "/versions/" : "",
                                      request->version != NULL ? request->version : "") < 0) {
        load->target = NULL;
        status = weft_error_set_out_of_memory(error);
    }
    return status;
}

static enum weft_status open_channels(struct load *load, struct weft_error **error)
{
    enum weft_status status = WEFT_OK;
    load->channels = calloc(load->options->connections, sizeof(struct weft_channel *));
    if (load->channels == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    while (status == WEFT_OK && load->channels_count < load->options->connections) {
        status = weft_channel_open(load->link, load->options->address, NULL,
                                   &load->channels[load->channels_count], error);
        load->channels_count += status == WEFT_OK;
    }
    return status;
}

static enum weft_status open_shots(struct load *load, struct weft_error **error)
{
    enum weft_status status = WEFT_OK;
    load->shots = calloc(load->options->concurrency, sizeof(*load->shots));
    if (load->shots == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    for (size_t i = 0; status == WEFT_OK && i < load->options->concurrency; i++) {
        struct shot *shot = &load->shots[i];
        *shot = (struct shot){.load = load, .next_free = load->free};
        load->free = shot;
        if (load->options->http) {
            status = weft_http_client_open(load->link, load->options->address, &shot->http, error);
        } else {
            shot->channel = load->channels[i % load->channels_count];
        }
    }
    return status;
}

static void channel_closed(void *context)
{
    ((struct load *)context)->channels_closed++;
}

static void load_fini(struct load *load)
{
    for (size_t i = 0; load->shots != NULL && i < load->options->concurrency; i++) {
        if (load->shots[i].http != NULL) {
            weft_http_client_close(load->shots[i].http);
        }
    }
    for (size_t i = 0; i < load->channels_count; i++) {
        weft_channel_close(load->channels[i], channel_closed, load);
    }
    while (load->channels_closed < load->channels_count) {
        weft_loop_turn(load->loop, true);
    }
    if (load->loop != NULL) {
        weft_loop_turn(load->loop, false);
        weft_link_free(load->link);
        weft_loop_free(load->loop);
    }
    weft_slices_fini(&load->message);
    free(load->channels);
    free(load->shots);
    free(load->target);
}

static enum weft_status check(const struct weft_load_options *options, struct weft_error **error)
{
    uint32_t connections = options->http ? options->concurrency : options->connections;
    if (options->concurrency == 0 || options->concurrency > WEFT_LOAD_CONCURRENCY_MAX) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT, "from 1 to %d calls may be in flight",
                              WEFT_LOAD_CONCURRENCY_MAX);
    }
    if (connections == 0 || connections > WEFT_LOAD_CONNECTIONS_MAX) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "from 1 to %d connections are possible%s", WEFT_LOAD_CONNECTIONS_MAX,
                              options->http ? ", and over HTTP each call in flight has its own"
                                            : "");
    }
    if (options->requests == 0 && options->duration_ns == 0) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "neither a duration nor a number of "
                              "requests says when it is over");
    }
    return WEFT_OK;
}

enum weft_status weft_load_run(const struct weft_load_options *options,
                               struct weft_load_result *ret_result, struct weft_error **error)
{
    struct load load = {.options = options, .result = ret_result};
    *ret_result = (struct weft_load_result){0};
    enum weft_status status = check(options, error);
    if (status == WEFT_OK) {
        status = encode(&load, error);
    }
    if (status == WEFT_OK) {
        status = weft_loop_new(NULL, &load.loop, error);
    }
    if (status == WEFT_OK) {
        weft_timer_init(&load.timer, load.loop, wake, NULL);
        status = weft_link_new(load.loop, NULL, &load.link, error);
    }
    if (status == WEFT_OK && !options->http) {
        status = open_channels(&load, error);
    }
    if (status == WEFT_OK) {
        status = open_shots(&load, error);
    }
    if (status == WEFT_OK) {
        run(&load);
    }
    load_fini(&load);
    return status;
}
