/* SPDX-License-Identifier: Apache-2.0 */
#include "house.h"

static void changed(void *context)
{
    (void)context;
}

void house_build(struct house *house, const char *models)
{
    struct town *town = &house->town;
    struct weft_error *error = NULL;
    town->channel_options = (struct weft_channel_options){.backoff_min_ms = 1, .backoff_max_ms = 2};
    town_found(town);
    weft_grpc_server_free(town->grpc);
    weft_router_free(town->router);
    door_models_loop = town->loop;
    struct weft_repository_options repository_options = {
        .loop = town->loop, .directory = models, .on_changed = changed};
    assert_ok(weft_repository_open(&repository_options, &house->repository, &error), error);
    assert_ok(weft_executor_new(town->loop, "join", 1, 0, &house->executor, &error), error);
    assert_ok(weft_executor_new(town->loop, "doors", 1, 0, &house->doors_executor, &error), error);
    assert_ok(weft_metrics_new(&house->metrics, &error), error);
    struct weft_run_options run_options = {
        .loop = town->loop,
        .link = town->link,
        .repository = house->repository,
        .executor = house->executor,
        .metrics = house->metrics,
        .name = "a",
        .generation = 1,
        .address = "127.0.0.1:1",
        .resources = {.slots = 4},
    };
    assert_ok(weft_run_new(&run_options, &house->run, &error), error);
    struct weft_serve_options serve_options = {
        .loop = town->loop,
        .link = town->link,
        .run = house->run,
        .metrics = house->metrics,
        .executor = house->doors_executor,
    };
    assert_ok(weft_serve_new(&serve_options, &house->serve, &error), error);
    town->grpc = weft_serve_grpc(house->serve);
    town->router = weft_serve_router(house->serve);
    weft_run_models_changed(house->run);
    weft_serve_set_ready(house->serve, true);
    town_open(town);
}

static void set(void *context)
{
    *(bool *)context = true;
}

void house_raze(struct house *house)
{
    struct town *town = &house->town;
    bool repository_closed = false;
    weft_channel_close(town->channel, set, &town->channel_closed);
    town_run_until(town, &town->channel_closed);
    town->channel = NULL;
    town_shut(town, 0);
    weft_run_close(house->run, set, &house->closed);
    town_run_until(town, &house->closed);
    weft_serve_free(house->serve);
    weft_repository_close(house->repository, 0, set, &repository_closed);
    weft_executor_free(house->executor);
    weft_executor_free(house->doors_executor);
    weft_metrics_free(house->metrics);
    town->grpc = NULL;
    town->router = NULL;
    town_raze(town);
}
