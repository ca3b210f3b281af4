/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node of the doors' stories: loop, link, engine and doors over fake models or real ones.
 * Usage: door NAME MODELS ADDRESS [PEER ADDRESS]...; MODELS is a list of names
 * ("" for all) of fake ones, the directory of real ones. Says
 * its address on standard output, logs to standard error, and ends in order at SIGTERM. Beside the
 * doors' own paths: POST /test/ready/{state} ("on" or "off") GET /test/running and GET
 * /test/busy (with the executor).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "door_models.h"
#include "link/listener.h"
#include "serve/serve.h"

static const char chain[] = "pipeline: chain\n"
                            "version: \"5\"\n"
                            "description: two steps\n"
                            "inputs:\n"
                            "  x: {datatype: FP32, shape: [-1, 2]}\n"
                            "steps:\n"
                            "  first: {model: echo, inputs: {x: x}}\n"
                            "  second: {model: echo, inputs: {x: first.y}}\n"
                            "outputs:\n"
                            "  y: second.y\n"
                            "  count: first.count\n";
static const char lost[] = "pipeline: lost\n"
                           "inputs:\n"
                           "  x: {datatype: FP32, shape: [-1, 2]}\n"
                           "steps:\n"
                           "  only: {model: nowhere, inputs: {x: x}}\n"
                           "outputs:\n"
                           "  y: only.y\n";

static struct weft_loop *loop;
static struct weft_link *net;
static struct weft_listener *listener;
static struct weft_repository *repository;
static struct weft_executor *executor;
static struct weft_executor *doors_executor;
static struct weft_metrics *metrics;
static struct weft_run *run;
static struct weft_serve *doors;

static const struct weft_log journal = {
    .level_min = WEFT_LOG_DEBUG,
    .write = weft_log_write_stderr,
    .wall_ns = weft_log_wall_ns,
};

static void must(enum weft_status status, const struct weft_error *error)
{
    if (status != WEFT_OK) {
        char text[1024];
        weft_error_format(error, text, sizeof(text));
        fprintf(stderr, "door: %s\n", text);
        exit(1);
    }
}

static void changed(void *context)
{
    (void)context;
    if (run != NULL) { /* the repository goes last, and its models with it */
        weft_run_models_changed(run);
    }
}

static void set_ready(void *context, struct weft_exchange *exchange)
{
    (void)context;
    weft_serve_set_ready(doors, strcmp(weft_exchange_parameter(exchange, "state"), "on") == 0);
    weft_exchange_respond_text(exchange, 200, NULL, "", 0);
}

static void say_running(void *context, struct weft_exchange *exchange)
{
    (void)context;
    char text[32];
    int length = snprintf(text, sizeof(text), "%zu", door_models_running);
    weft_exchange_respond_text(exchange, 200, "text/plain", text, (size_t)length);
}

static void say_busy(void *context, struct weft_exchange *exchange)
{
    (void)context;
    char text[32];
    int length = snprintf(text, sizeof(text), "%zu", weft_serve_busy(doors));
    weft_exchange_respond_text(exchange, 200, "text/plain", text, (size_t)length);
}

static void add_pipeline(const char *text)
{
    struct weft_error *error = NULL;
    struct weft_diagnostics diagnostics;
    weft_diagnostics_init(&diagnostics, "door.c");
    struct weft_pipeline *pipeline = NULL;
    must(weft_pipeline_parse(text, strlen(text), &diagnostics, &pipeline, &error), error);
    must(weft_run_add_pipeline(run, pipeline, &error), error);
    weft_diagnostics_fini(&diagnostics);
}

/* --- the end: listener, engine, doors, repository --- */

static void repository_closed(void *context)
{
    (void)context;
    weft_loop_stop(loop);
}

static void run_closed(void *context)
{
    (void)context;
    run = NULL;
    weft_serve_free(doors);
    weft_repository_close(repository, 1000, repository_closed, NULL);
}

static void listener_closed(void *context)
{
    (void)context;
    weft_run_close(run, run_closed, NULL);
}

static void on_signal(void *context, int number)
{
    (void)context, (void)number;
    weft_serve_set_ready(doors, false);
    weft_listener_close(listener, weft_loop_now_ns() + 200 * WEFT_NS_PER_MS, listener_closed, NULL);
}

/* --- the beginning --- */

static void make_parts(const char *models)
{
    struct weft_error *error = NULL;
    must(weft_loop_new(NULL, &loop, &error), error);
    must(weft_loop_watch_signals(loop, on_signal, NULL, &error), error);
    struct weft_link_options link_options = {.log = &journal};
    must(weft_link_new(loop, &link_options, &net, &error), error);
    door_models_loop = loop;
    struct weft_repository_options repository_options = {
        .loop = loop, .directory = models, .on_changed = changed};
    must(weft_repository_open(&repository_options, &repository, &error), error);
    must(weft_executor_new(loop, "join", 1, 0, &executor, &error), error);
    must(weft_executor_new(loop, "doors", 1, 0, &doors_executor, &error), error);
    must(weft_metrics_new(&metrics, &error), error);
    must(weft_metrics_add_process(metrics, &error), error);
}

static void open_node(const char *name, const char *address)
{
    struct weft_error *error = NULL;
    struct weft_run_options run_options = {
        .loop = loop,
        .link = net,
        .repository = repository,
        .executor = executor,
        .metrics = metrics,
        .log = &journal,
        .name = name,
        .generation = weft_log_wall_ns(NULL),
        .address = address,
        .resources = {.slots = 64},
    };
    must(weft_run_new(&run_options, &run, &error), error);
    const char *held = getenv("WEFT_DOOR_HELD_BYTES");
    struct weft_serve_options serve_options = {
        .loop = loop,
        .link = net,
        .run = run,
        .metrics = metrics,
        .log = &journal,
        .executor = doors_executor,
        .held_max_bytes = held != NULL ? strtoul(held, NULL, 10) : 0,
    };
    must(weft_serve_new(&serve_options, &doors, &error), error);
    must(weft_run_serve(run, weft_serve_grpc(doors), &error), error);
    const struct weft_route routes[] = {
        {.method = "POST", .pattern = "/test/ready/{state}", .handle = set_ready},
        {.method = "GET", .pattern = "/test/running", .handle = say_running},
        {.method = "GET", .pattern = "/test/busy", .handle = say_busy},
    };
    must(weft_router_add(weft_serve_router(doors), &routes[0], &error), error);
    must(weft_router_add(weft_serve_router(doors), &routes[1], &error), error);
    must(weft_router_add(weft_serve_router(doors), &routes[2], &error), error);
    weft_run_models_changed(run);
    add_pipeline(chain);
    add_pipeline(lost);
    struct weft_listener_options options = {
        .address = address, .router = weft_serve_router(doors), .grpc = weft_serve_grpc(doors)};
    must(weft_listener_open(net, &options, &listener, &error), error);
}

/* A model that cannot be loaded is a story's business. */
static void loaded(void *context, struct weft_error *error)
{
    (void)context, (void)error;
    printf("%s\n", weft_listener_address(listener));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct weft_error *error = NULL;
    if (argc < 4) {
        fprintf(stderr, "usage: door NAME MODELS ADDRESS [PEER ADDRESS]...\n");
        return 2;
    }
    make_parts(argv[2]);
    open_node(argv[1], argv[3]);
    for (int i = 4; i + 1 < argc; i += 2) {
        must(weft_run_add_node(run, argv[i], argv[i + 1], &error), error);
    }
    must(weft_repository_load_all(repository, loaded, NULL, &error), error);
    weft_loop_run(loop);
    weft_executor_free(executor);
    weft_executor_free(doors_executor);
    weft_metrics_free(metrics);
    weft_link_free(net);
    weft_loop_free(loop);
    return 0;
}
