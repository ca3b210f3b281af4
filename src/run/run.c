/* SPDX-License-Identifier: Apache-2.0 */
#include "run/run.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "run/run_parts.h"

uint64_t wall_ns(const struct weft_run *run)
{
    return weft_clock_now_ns(&run->options.wall_clock);
}

/* --- time and order --- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t next_deadline_ns(const struct weft_run *run)
{
    return earlier(
        earlier(weft_gateway_deadline_ns(run->gateway), weft_worker_deadline_ns(run->worker)),
        peers_deadline_ns(run));
}

static void finish_if_closed(struct weft_run *run);

uint64_t come_in(struct weft_run *run)
{
    run->now_ns = weft_loop_looked_ns(run->options.loop);
    return run->now_ns;
}

/* Messages to this node itself, then whatever is due, then the timer. */
static void pump(void *context)
{
    struct weft_run *run = context;
    uint64_t now_ns = come_in(run);
    for (struct weft_list *link; (link = weft_list_first(&run->local)) != NULL;) {
        struct local_message *local = weft_list_entry(link, struct local_message, link);
        weft_list_remove(link);
        dispatch(run, local->message, run->name);
        weft_message_free(local->message);
        free(local);
    }
    if (now_ns >= weft_gateway_deadline_ns(run->gateway)) {
        weft_gateway_tick(run->gateway, now_ns);
    }
    if (now_ns >= weft_worker_deadline_ns(run->worker)) {
        weft_worker_tick(run->worker, now_ns);
    }
    peers_tick(run, now_ns);
    if (weft_timer_set(&run->timer, next_deadline_ns(run)) != WEFT_OK) {
        weft_log(run->options.log, WEFT_LOG_ERROR, NULL,
                 "out of memory for a timer: deadlines may pass unnoticed");
    }
    finish_if_closed(run);
}

void pump_soon(struct weft_run *run)
{
    weft_loop_defer(run->options.loop, &run->pump);
}

/* --- this node as others see it --- */

/* Of more versions than a node can announce the newest of each model come first: those are
 * announced. They come by name and version. */
static enum weft_status put_newest_first(struct weft_run *run, struct weft_model **models,
                                         size_t count, struct weft_error **error)
{
    if (count <= WEFT_NODE_MODELS_MAX) {
        return WEFT_OK;
    }
    cleanup_free struct weft_model **by_age = malloc(count * sizeof(*by_age));
    cleanup_free size_t *age = malloc(count * sizeof(*age)); /* newer versions of the same */
    if (by_age == NULL || age == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    for (size_t i = count; i-- > 0;) {
        bool newer = i + 1 < count && strcmp(weft_model_info(models[i])->name,
                                             weft_model_info(models[i + 1])->name) == 0;
        age[i] = newer ? age[i + 1] + 1 : 0;
    }
    size_t placed = 0;
    for (size_t wanted = 0; placed < count; wanted++) {
        for (size_t i = 0; i < count; i++) {
            if (age[i] == wanted) {
                by_age[placed++] = models[i];
            }
        }
    }
    memcpy(models, by_age, count * sizeof(*models));
    weft_log(run->options.log, WEFT_LOG_ERROR, NULL,
             "%zu versions of models are ready, and the newest %d of them are announced to other "
             "nodes: requests of other nodes find no others",
             count, WEFT_NODE_MODELS_MAX);
    return WEFT_OK;
}

static enum weft_status copy_models(struct weft_run *run, struct weft_error **error)
{
    struct weft_model **models = NULL;
    size_t count = 0;
    enum weft_status status =
        weft_repository_ready(run->options.repository, &models, &count, error);
    if (status != WEFT_OK) {
        return status;
    }
    status = put_newest_first(run, models, count, error);
    struct weft_model_info *infos = status == WEFT_OK ? calloc(count + 1, sizeof(*infos)) : NULL;
    size_t copied = 0;
    while (infos != NULL && copied < count &&
           weft_model_info_copy(weft_model_info(models[copied]), &infos[copied])) {
        copied++;
    }
    for (size_t i = 0; i < count; i++) {
        weft_model_unref(models[i]);
    }
    free(models);
    if (infos == NULL || copied < count) {
        struct weft_node_info partial = {.models = infos, .models_count = copied};
        weft_node_info_fini(&partial);
        return weft_error_set_out_of_memory(error);
    }
    struct weft_node_info old = {.models = run->self.models,
                                 .models_count = run->self.models_count};
    weft_node_info_fini(&old);
    run->self.models = infos;
    run->self.models_count = count;
    return WEFT_OK;
}

void weft_run_models_changed(struct weft_run *run)
{
    cleanup_error struct weft_error *error = NULL;
    (void)come_in(run);
    run->cluster_version++;
    if (copy_models(run, &error) != WEFT_OK ||
        weft_gateway_node(run->gateway, &run->self, &error) != WEFT_OK) {
        weft_log(run->options.log, WEFT_LOG_ERROR, NULL,
                 "the models of this node cannot be announced: %s", weft_error_message(error));
        return;
    }
    announce(run);
    pump_soon(run);
}

const struct weft_node_info *weft_run_self(const struct weft_run *run)
{
    return &run->self;
}

size_t weft_run_nodes_count(const struct weft_run *run)
{
    return weft_gateway_nodes_count(run->gateway);
}

const struct weft_node_info *weft_run_node_at(const struct weft_run *run, size_t index)
{
    return weft_gateway_node_at(run->gateway, index);
}

struct weft_repository *weft_run_repository(const struct weft_run *run)
{
    return run->options.repository;
}

/* --- life --- */

static void run_free(struct weft_run *run)
{
    weft_timer_cancel(&run->timer);
    weft_deferred_cancel(&run->pump);
    for (struct weft_list *link; (link = weft_list_first(&run->local)) != NULL;) {
        struct local_message *local = weft_list_entry(link, struct local_message, link);
        weft_list_remove(link);
        weft_message_free(local->message);
        free(local);
    }
    weft_gateway_free(run->gateway);
    weft_worker_free(run->worker);
    peers_free(run);
    pipelines_free(run);
    records_free(run);
    outlines_free(&run->outlines);
    metrics_free(run);
    weft_node_info_fini(&run->self);
    free(run->name);
    free(run);
}

/* Beyond these no other node would hear of this one. */
static enum weft_status check_tags(const struct weft_resources *resources,
                                   struct weft_error **error)
{
    bool well = resources->tags_count <= WEFT_NODE_TAGS_MAX;
    for (size_t i = 0; well && i < resources->tags_count; i++) {
        well = strlen(resources->tags[i]) <= WEFT_NAME_MAX;
    }
    return well ? WEFT_OK
                : weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                 "a node has at most %d tags, each of at most %d bytes",
                                 WEFT_NODE_TAGS_MAX, WEFT_NAME_MAX);
}

static enum weft_status fill_self(struct weft_run *run, struct weft_error **error)
{
    struct weft_node_info info = {
        .name = (char *)run->options.name,
        .generation = run->options.generation,
        .address = (char *)run->options.address,
        .resources = run->options.resources,
    };
    enum weft_status status = check_tags(&info.resources, error);
    if (status == WEFT_OK && !weft_node_info_copy(&info, &run->self)) {
        status = weft_error_set_out_of_memory(error);
    }
    return status;
}

static enum weft_status make_parts(struct weft_run *run, struct weft_error **error)
{
    struct weft_gateway_host gateway_host = gateway_host_table;
    gateway_host.context = run;
    struct weft_worker_host worker_host = {
        .task_bytes = task_bytes,
        .check = task_check,
        .send = send_to_node,
        .start = task_start,
        .stop = task_stop,
        .context = run,
    };
    run->gateway = weft_gateway_new(&gateway_host, run->name, run->options.generation);
    run->worker = weft_worker_new(&worker_host, &run->self.resources);
    if (run->gateway == NULL || run->worker == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    enum weft_status status = weft_gateway_node(run->gateway, &run->self, error);
    if (status == WEFT_OK) {
        status = metrics_start(run, error);
    }
    /* Last, for their end takes a turn of the loop: nothing may fail afterwards. */
    return status == WEFT_OK ? peers_start(run, error) : status;
}

enum weft_status weft_run_new(const struct weft_run_options *options, struct weft_run **ret_run,
                              struct weft_error **error)
{
    struct weft_run *run = calloc(1, sizeof(*run));
    char *name = strdup(options->name);
    if (run == NULL || name == NULL) {
        free(run);
        free(name);
        return weft_error_set_out_of_memory(error);
    }
    run->options = *options;
    if (run->options.pipelines_max == 0) {
        run->options.pipelines_max = WEFT_RUN_PIPELINES_MAX;
    }
    if (run->options.wall_clock.now_ns == NULL) {
        run->options.wall_clock = (struct weft_clock){weft_log_wall_ns, NULL};
    }
    run->options.name = name;
    run->name = name;
    run->pid = (uint32_t)getpid();
    weft_list_init(&run->local);
    weft_list_init(&run->records);
    weft_timer_init(&run->timer, options->loop, pump, run);
    weft_deferred_init(&run->pump, pump, run);
    enum weft_status status = fill_self(run, error);
    run->options.resources = run->self.resources;
    run->options.address = run->self.address;
    if (status == WEFT_OK) {
        status = make_parts(run, error);
    }
    if (status != WEFT_OK) {
        run_free(run);
        return status;
    }
    *ret_run = run;
    return WEFT_OK;
}

static void peers_closed(void *context)
{
    struct weft_run *run = context;
    run->peers_closed = true;
    finish_if_closed(run);
}

/* Nothing of the engine may be under way any more when its memory goes. */
static void finish_if_closed(struct weft_run *run)
{
    if (!run->closing || !run->peers_closed || run->tasks_open > 0 ||
        weft_gateway_requests_count(run->gateway) > 0) {
        return;
    }
    void (*closed)(void *) = run->closed;
    void *context = run->closed_context;
    run_free(run);
    closed(context);
}

size_t weft_run_busy(const struct weft_run *run)
{
    return weft_gateway_requests_count(run->gateway) + run->tasks_open;
}

void weft_run_leave(struct weft_run *run)
{
    weft_peers_leave(run->peers);
}

void weft_run_close(struct weft_run *run, void (*closed)(void *context), void *context)
{
    run->closing = true;
    run->closed = closed;
    run->closed_context = context;
    (void)come_in(run);
    weft_gateway_stop(run->gateway);
    weft_worker_stop(run->worker);
    weft_peers_close(run->peers, peers_closed, run);
    pump_soon(run);
}
