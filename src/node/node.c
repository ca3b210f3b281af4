/* SPDX-License-Identifier: Apache-2.0 */
#include "node/node.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node/node_parts.h"
#include "node/pipelines.h"
#include "plan/pipeline.h"
#include "sys/address.h"

/* --- names and addresses --- */

static char *host_name(void)
{
    char name[256] = "";
    if (gethostname(name, sizeof(name) - 1) != 0 || name[0] == '\0') {
        return strdup("node");
    }
    return strdup(name);
}

/* Others can't call "any address", so the host's name stands in for it. */
static char *advertised_address(const char *listen, uint16_t port)
{
    char host[WEFT_ADDRESS_TEXT_MAX];
    uint16_t same = 0;
    if (weft_address_split(listen, host, &same, NULL) == WEFT_OK &&
        (strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0)) {
        cleanup_free char *name = host_name();
        char address[WEFT_ADDRESS_TEXT_MAX + 8];
        snprintf(address, sizeof(address), "%s:%u", name != NULL ? name : "localhost", port);
        return strdup(address);
    }
    return strdup(listen);
}

static enum weft_status name_itself(struct weft_node *node, const struct weft_node_options *options,
                                    struct weft_error **error)
{
    char host[WEFT_ADDRESS_TEXT_MAX];
    uint16_t port = 0;
    enum weft_status status = weft_address_split(options->listen, host, &port, error);
    if (status != WEFT_OK) {
        return status;
    }
    if (port == 0) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "%s has no port: other nodes must know where this one listens",
                              options->listen);
    }
    node->name = options->name != NULL ? strdup(options->name) : host_name();
    node->advertised = advertised_address(options->listen, port);
    if (node->name == NULL || node->advertised == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    if (!weft_model_name_valid(node->name)) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "\"%s\" can't be a node's name: 1 to %d bytes of UTF-8 without '/', "
                              "control characters or a leading dot",
                              node->name, WEFT_NAME_MAX);
    }
    node->log = (struct weft_log){.level_min = options->log_level,
                                  .node = node->name,
                                  .write = weft_log_write_stderr,
                                  .wall_ns = weft_log_wall_ns};
    return WEFT_OK;
}

/* Those that this process may use. */
static uint32_t processors_count(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set) != 0) {
        return 1;
    }
    int count = CPU_COUNT(&set);
    return count > 0 ? (uint32_t)count : 1;
}

/* --- the parts, inner ones first --- */

static enum weft_status make_ground(struct weft_node *node, const struct weft_node_options *options,
                                    struct weft_error **error)
{
    struct weft_loop_options loop = {.spin_off = options->spin == WEFT_NODE_SPIN_OFF};
    struct weft_link_options link = {.receive_budget_bytes = options->receive_budget_bytes,
                                     .log = &node->log,
                                     .tcp = {.same_host_sockets = !options->tcp_only}};
    enum weft_status status = weft_loop_new(&loop, &node->loop, error);
    if (status == WEFT_OK) {
        status = node_watch(node, error);
    }
    if (status == WEFT_OK) {
        status = weft_link_new(node->loop, &link, &node->link, error);
    }
    if (status == WEFT_OK) {
        status = weft_metrics_new(&node->metrics, error);
    }
    return status == WEFT_OK ? weft_metrics_add_process(node->metrics, error) : status;
}

static enum weft_status make_models(struct weft_node *node, const struct weft_node_options *options,
                                    uint32_t slots, struct weft_error **error)
{
    struct weft_repository_options repository = {.loop = node->loop,
                                                 .directory = options->models,
                                                 .plugin_directory = options->plugins,
                                                 .state_directory = options->state,
                                                 .log = &node->log,
                                                 .pool = weft_link_pool(node->link),
                                                 .on_changed = node_models_changed,
                                                 .context = node};
    enum weft_status status = weft_repository_open(&repository, &node->repository, error);
    if (status != WEFT_OK) {
        return status;
    }
    /* Joins are short and bound by memory: more threads than processors gain nothing. */
    uint32_t processors = processors_count();
    return weft_executor_new(node->loop, "weft-join", slots < processors ? slots : processors, 0,
                             &node->executor, error);
}

static int by_text(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static enum weft_status make_run(struct weft_node *node, const struct weft_node_options *options,
                                 uint32_t slots, struct weft_error **error)
{
    cleanup_free char **tags = calloc(options->tags_count + 1, sizeof(char *));
    if (tags == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    for (size_t i = 0; i < options->tags_count; i++) {
        tags[i] = (char *)options->tags[i];
    }
    qsort(tags, options->tags_count, sizeof(char *), by_text);
    struct weft_run_options run = {.loop = node->loop,
                                   .link = node->link,
                                   .repository = node->repository,
                                   .executor = node->executor,
                                   .metrics = node->metrics,
                                   .log = &node->log,
                                   .name = node->name,
                                   .generation = weft_log_wall_ns(NULL),
                                   .address = node->advertised,
                                   .resources = {.slots = slots,
                                                 .memory_bytes = options->memory_bytes,
                                                 .tags = tags,
                                                 .tags_count = options->tags_count}};
    return weft_run_new(&run, &node->run, error);
}

/* Each may have a body of the largest size in hand, and several times that decoded. */
enum { DOORS_THREADS_MAX = 4 };

static enum weft_status make_doors(struct weft_node *node, const struct weft_node_options *options,
                                   struct weft_error **error)
{
    uint32_t threads = processors_count();
    enum weft_status status = weft_executor_new(
        node->loop, "weft-doors", threads < DOORS_THREADS_MAX ? threads : DOORS_THREADS_MAX, 0,
        &node->doors_executor, error);
    if (status != WEFT_OK) {
        return status;
    }
    struct weft_serve_options serve = {.loop = node->loop,
                                       .link = node->link,
                                       .run = node->run,
                                       .metrics = node->metrics,
                                       .log = &node->log,
                                       .executor = node->doors_executor,
                                       .held_max_bytes = options->held_budget_bytes};
    status = weft_serve_new(&serve, &node->serve, error);
    if (status == WEFT_OK) {
        status = weft_run_serve(node->run, weft_serve_grpc(node->serve), error);
    }
    if (status != WEFT_OK) {
        return status;
    }
    struct weft_listener_options listener = {.address = options->listen,
                                             .insecure = options->insecure,
                                             .router = weft_serve_router(node->serve),
                                             .grpc = weft_serve_grpc(node->serve)};
    return weft_listener_open(node->link, &listener, &node->listener, error);
}

static enum weft_status add_pipelines(struct weft_node *node, struct weft_pipeline_set *set,
                                      struct weft_error **error)
{
    for (size_t i = 0; i < set->count; i++) {
        enum weft_status status = weft_run_add_pipeline(node->run, set->items[i], error);
        if (status != WEFT_OK) {
            return status;
        }
        set->items[i] = NULL;
    }
    return WEFT_OK;
}

static enum weft_status add_peers(struct weft_node *node, const struct weft_node_options *options,
                                  struct weft_error **error)
{
    for (size_t i = 0; i < options->peers_count; i++) {
        const struct weft_node_peer *peer = &options->peers[i];
        enum weft_status status = weft_run_add_node(node->run, peer->name, peer->address, error);
        if (status != WEFT_OK) {
            return status;
        }
    }
    return WEFT_OK;
}

static enum weft_status make(struct weft_node *node, const struct weft_node_options *options,
                             struct weft_pipeline_set *set, struct weft_error **error)
{
    uint32_t slots = options->slots > 0 ? options->slots : processors_count();
    enum weft_status status = make_ground(node, options, error);
    if (status == WEFT_OK) {
        status = make_models(node, options, slots, error);
    }
    if (status == WEFT_OK) {
        status = make_run(node, options, slots, error);
    }
    if (status == WEFT_OK) {
        status = add_pipelines(node, set, error);
    }
    if (status == WEFT_OK) {
        status = make_doors(node, options, error);
    }
    if (status == WEFT_OK) {
        status = add_peers(node, options, error);
    }
    return status == WEFT_OK ? node_load(node, options, error) : status;
}

enum weft_status weft_node_open(const struct weft_node_options *options, struct weft_text *findings,
                                struct weft_node **ret_node, struct weft_error **error)
{
    cleanup_pipeline_set struct weft_pipeline_set set = {0};
    for (size_t i = 0; i < options->pipelines_count; i++) {
        enum weft_status status =
            weft_pipeline_set_load(&set, options->pipelines[i], findings, error);
        if (status != WEFT_OK) {
            return status;
        }
    }
    struct weft_node *node = calloc(1, sizeof(*node));
    if (node == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    node->opened_ns = weft_loop_now_ns();
    node->ready_descriptor = options->ready_descriptor;
    enum weft_status status = name_itself(node, options, error);
    if (status == WEFT_OK) {
        status = make(node, options, &set, error);
    }
    if (status != WEFT_OK) {
        node_free(node);
        return status;
    }
    weft_log(&node->log, WEFT_LOG_INFO, NULL, "weft %s listens on %s, process %ld", WEFT_VERSION,
             weft_node_address(node), (long)getpid());
    *ret_node = node;
    return WEFT_OK;
}

const char *weft_node_address(const struct weft_node *node)
{
    return weft_listener_address(node->listener);
}

enum weft_status weft_node_run(struct weft_node *take_node, struct weft_error **error)
{
    struct weft_node *node = take_node;
    weft_loop_run(node->loop);
    enum weft_status status = weft_error_status(node->failure);
    if (status != WEFT_OK && error != NULL) {
        *error = steal(&node->failure);
    }
    node_free(node);
    return status;
}
