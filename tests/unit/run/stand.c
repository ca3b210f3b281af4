/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/run/stand.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PATIENCE_MS = 10000 };

/* --- the log --- */

static void write_line(void *context, const char *line, size_t length)
{
    struct stand_node *node = context;
    if (node->said_length + length < STAND_LOG_MAX) {
        memcpy(node->said + node->said_length, line, length);
        node->said_length += length;
        node->said[node->said_length] = '\0';
    }
}

bool stand_said(const struct stand_node *node, const char *words)
{
    return strstr(node->said, words) != NULL;
}

/* --- life --- */

void stand_open(struct stand *stand)
{
    struct weft_error *error = NULL;
    *stand = (struct stand){0};
    assert_ok(weft_loop_new(NULL, &stand->loop, &error), error);
}

struct stand_node *stand_node(struct stand *stand, const char *name)
{
    assert_true(stand->nodes_count < STAND_NODES_MAX);
    struct stand_node *node = &stand->nodes[stand->nodes_count++];
    *node = (struct stand_node){.stand = stand, .name = name};
    node->said = calloc(1, STAND_LOG_MAX);
    assert_non_null(node->said);
    node->log =
        (struct weft_log){.level_min = WEFT_LOG_DEBUG, .write = write_line, .context = node};
    node->repository = stand_repository_new(stand->loop);
    return node;
}

void stand_model(struct stand_node *node, const char *name, unsigned versions,
                 enum stand_model_kind kind)
{
    for (unsigned version = 1; version <= versions; version++) {
        stand_repository_add(node->repository, name, version, kind);
    }
    if (node->run != NULL) {
        weft_run_models_changed(node->run);
    }
}

static uint64_t wall_ns(void *context)
{
    return weft_log_wall_ns(NULL) + ((struct stand_node *)context)->ahead_ns;
}

struct weft_run_options stand_options(struct stand_node *node)
{
    return (struct weft_run_options){
        .loop = node->stand->loop,
        .link = node->link,
        .repository = node->repository,
        .executor = node->executor,
        .metrics = node->metrics,
        .log = &node->log,
        .wall_clock = {wall_ns, node},
        .name = node->name,
        .generation = wall_ns(node) + node->generation_ahead_ns,
        .address = weft_listener_address(node->listener),
        .resources = {.slots = 4},
        .pipelines_max = node->pipelines_max,
    };
}

static void prepare(struct stand_node *node)
{
    struct weft_error *error = NULL;
    struct weft_link_options link_options = {.log = &node->log};
    assert_ok(weft_link_new(node->stand->loop, &link_options, &node->link, &error), error);
    assert_ok(weft_executor_new(node->stand->loop, "join", 1, 0, &node->executor, &error), error);
    assert_ok(weft_metrics_new(&node->metrics, &error), error);
    node->grpc = weft_grpc_server_new();
    node->router = weft_router_new();
    assert_true(node->grpc != NULL && node->router != NULL);
    struct weft_listener_options options = {
        .address = "127.0.0.1:0", .router = node->router, .grpc = node->grpc};
    assert_ok(weft_listener_open(node->link, &options, &node->listener, &error), error);
}

void stand_prepare(struct stand *stand)
{
    for (size_t i = 0; i < stand->nodes_count; i++) {
        prepare(&stand->nodes[i]);
    }
}

void stand_start(struct stand *stand)
{
    struct weft_error *error = NULL;
    stand_prepare(stand);
    for (size_t i = 0; i < stand->nodes_count; i++) {
        struct stand_node *node = &stand->nodes[i];
        struct weft_run_options options = stand_options(node);
        assert_ok(weft_run_new(&options, &node->run, &error), error);
        assert_ok(weft_run_serve(node->run, node->grpc, &error), error);
        weft_run_models_changed(node->run);
    }
}

void stand_knows(struct stand_node *node, const struct stand_node *other)
{
    struct weft_error *error = NULL;
    assert_ok(
        weft_run_add_node(node->run, other->name, weft_listener_address(other->listener), &error),
        error);
}

void stand_pipeline(struct stand_node *node, const char *yaml)
{
    struct weft_error *error = NULL;
    struct weft_pipeline *pipeline = NULL;
    cleanup_diagnostics struct weft_diagnostics diagnostics;
    weft_diagnostics_init(&diagnostics, "stand");
    assert_ok(weft_pipeline_parse(yaml, strlen(yaml), &diagnostics, &pipeline, &error), error);
    assert_ok(weft_run_add_pipeline(node->run, pipeline, &error), error);
}

static void set(void *context)
{
    *(bool *)context = true;
}

static bool is_set(void *context)
{
    return *(bool *)context;
}

void stand_stop(struct stand_node *node)
{
    if (node->run != NULL) {
        weft_run_leave(node->run);
    }
    weft_listener_close(node->listener, 0, set, &node->listener_closed);
    stand_until(node->stand, is_set, &node->listener_closed);
    node->listener = NULL;
    if (node->run != NULL) {
        weft_run_close(node->run, set, &node->run_closed);
        stand_until(node->stand, is_set, &node->run_closed);
        node->run = NULL;
    }
}

void stand_close(struct stand *stand)
{
    for (size_t i = 0; i < stand->nodes_count; i++) {
        struct stand_node *node = &stand->nodes[i];
        if (node->listener != NULL) {
            stand_stop(node);
        }
        weft_grpc_server_free(node->grpc);
        weft_router_free(node->router);
        weft_executor_free(node->executor);
        weft_metrics_free(node->metrics);
        weft_link_free(node->link);
        stand_repository_free(node->repository);
        free(node->said);
    }
    weft_loop_free(stand->loop);
}

/* --- time --- */

void stand_until(struct stand *stand, bool (*holds)(void *context), void *context)
{
    struct weft_timer patience;
    bool over = false;
    weft_timer_init(&patience, stand->loop, set, &over);
    assert_ok(weft_timer_set(&patience, weft_loop_now_ns() + PATIENCE_MS * WEFT_NS_PER_MS), NULL);
    while (!holds(context)) {
        assert_false(over);
        weft_loop_turn(stand->loop, true);
    }
    weft_timer_cancel(&patience);
}

void stand_wait_ms(struct stand *stand, uint64_t ms)
{
    struct weft_timer timer;
    bool over = false;
    weft_timer_init(&timer, stand->loop, set, &over);
    assert_ok(weft_timer_set(&timer, weft_loop_now_ns() + ms * WEFT_NS_PER_MS), NULL);
    stand_until(stand, is_set, &over);
}

const struct weft_node_info *stand_seen(const struct stand_node *node,
                                        const struct stand_node *other)
{
    for (size_t i = 0; i < weft_run_nodes_count(node->run); i++) {
        const struct weft_node_info *info = weft_run_node_at(node->run, i);
        if (info != NULL && strcmp(info->name, other->name) == 0) {
            return info;
        }
    }
    return NULL;
}

struct sight {
    struct stand_node *node;
    const struct stand_node *other;
    size_t models;
};

static bool is_seen(void *context)
{
    const struct sight *sight = context;
    const struct weft_node_info *info = stand_seen(sight->node, sight->other);
    return info != NULL && info->models_count == sight->models;
}

void stand_until_seen(struct stand_node *node, const struct stand_node *other, size_t models)
{
    struct sight sight = {node, other, models};
    stand_until(node->stand, is_seen, &sight);
}

/* --- calls --- */

static void part(void *context, const char *output, struct weft_value *value)
{
    struct stand_call *call = context;
    assert_string_equal(output, "y");
    assert_non_null(value);
    call->parts++;
}

static void done(void *context, struct weft_error *error, const struct weft_values *outputs)
{
    struct stand_call *call = context;
    call->done++;
    call->status = weft_error_status(error);
    call->error = weft_error_ref(error);
    call->output_bytes = error == NULL && outputs->count > 0 ? weft_values_size_bytes(outputs) : 0;
}

enum weft_status stand_ask(struct stand_node *node, struct stand_call *call, const char *name,
                           size_t size_bytes, const char *id, uint64_t timeout_ns)
{
    static const struct weft_run_events events = {part, done};
    static uint8_t *zeroes; /* as much as any story asks for, and never written to */
    enum { ZEROES_BYTES = 300 * 1024 * 1024 };
    if (zeroes == NULL) {
        zeroes =
            mmap(NULL, ZEROES_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        assert_true(zeroes != MAP_FAILED);
    }
    assert_true(size_bytes <= ZEROES_BYTES);
    *call = (struct stand_call){0};
    struct weft_shape shape = {.rank = 1, .dims = {(int64_t)size_bytes}};
    struct weft_slice slice = weft_slice_static(zeroes, size_bytes);
    cleanup_value struct weft_value *value = NULL;
    enum weft_status status =
        weft_value_new_slice(WEFT_UINT8, &shape, &slice, &value, &call->error);
    if (status != WEFT_OK) {
        return status;
    }
    struct weft_named_value input = {(char *)"x", value};
    struct weft_values inputs = {&input, 1, 1};
    struct weft_run_request request = {
        .name = name,
        .inputs = &inputs,
        .id = id,
        .deadline_ns = timeout_ns == WEFT_DEADLINE_NEVER_NS ? WEFT_DEADLINE_NEVER_NS
                                                            : weft_loop_now_ns() + timeout_ns,
    };
    return weft_run_start(node->run, &request, &events, call, &call->call, &call->error);
}

static bool is_done(void *context)
{
    return ((struct stand_call *)context)->done > 0;
}

void stand_await(struct stand_node *node, struct stand_call *call)
{
    stand_until(node->stand, is_done, call);
    assert_int_equal(call->done, 1);
}

enum weft_status stand_call(struct stand_node *node, struct stand_call *call, const char *name,
                            size_t size_bytes, const char *id, uint64_t timeout_ns)
{
    enum weft_status status = stand_ask(node, call, name, size_bytes, id, timeout_ns);
    if (status == WEFT_OK) {
        stand_await(node, call);
        status = call->status;
    }
    return status;
}

void stand_call_fini(struct stand_call *call)
{
    weft_error_unref(call->error);
}
