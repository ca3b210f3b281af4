/* SPDX-License-Identifier: Apache-2.0 */
#include "sched/placement.h"

#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "support/story.h"

static struct weft_model_info model_of(const char *name, uint32_t slots, uint64_t memory_bytes)
{
    return (struct weft_model_info){.name = (char *)name,
                                    .version = (char *)"1",
                                    .ready = true,
                                    .needs = {.slots = slots, .memory_bytes = memory_bytes}};
}

static struct weft_node_info node_of(const char *name, uint32_t slots, uint64_t memory_bytes,
                                     struct weft_model_info *models, size_t models_count)
{
    return (struct weft_node_info){.name = (char *)name,
                                   .resources = {slots, memory_bytes, NULL, 0},
                                   .models = models,
                                   .models_count = models_count};
}

/* Placed twice: looking the nodes up, and with what was looked up before; both must agree. */
static enum weft_status placed(const struct weft_placement_step *steps, size_t steps_count,
                               const struct weft_placement_node *nodes, size_t nodes_count,
                               uint32_t gateway_node, uint32_t *ret_nodes,
                               struct weft_error **error)
{
    struct weft_placement placement = {.steps = steps,
                                       .steps_count = steps_count,
                                       .nodes = nodes,
                                       .nodes_count = nodes_count,
                                       .gateway_node = gateway_node};
    enum weft_status status = weft_place(&placement, ret_nodes, error);
    uint64_t fits[256];
    uint32_t again[128];
    assert_true(steps_count <= 128);
    assert_true(steps_count * weft_placement_fits_words(nodes_count) <= 256);
    memset(fits, 0xff, sizeof(fits));
    weft_placement_fits(&placement, fits);
    placement.fits = fits;
    assert_status(weft_place(&placement, again, NULL), status);
    if (status == WEFT_OK) {
        assert_memory_equal(again, ret_nodes, steps_count * sizeof(*again));
    }
    return status;
}

static void a_step_goes_where_its_model_is(void **state)
{
    (void)state;
    struct weft_model_info face = model_of("face", 1, 0), scene = model_of("scene", 1, 0);
    struct weft_node_info a = node_of("a", 1, 0, &face, 1), b = node_of("b", 1, 0, &scene, 1);
    struct weft_placement_node nodes[] = {{.info = &a, .open_tasks = 0},
                                          {.info = &b, .open_tasks = 0}};
    struct weft_placement_step steps[] = {{.name = "s", .model = "scene"},
                                          {.name = "f", .model = "face"}};
    uint32_t places[2];
    assert_status(placed(steps, 2, nodes, 2, 0, places, NULL), WEFT_OK);
    assert_int_equal(places[0], 1);
    assert_int_equal(places[1], 0);
}

static void branches_part_and_a_chain_stays_together(void **state)
{
    (void)state;
    struct weft_model_info m = model_of("m", 1, 0);
    struct weft_node_info a = node_of("a", 1, 0, &m, 1), b = node_of("b", 1, 0, &m, 1);
    struct weft_placement_node nodes[] = {{.info = &a, .open_tasks = 0},
                                          {.info = &b, .open_tasks = 0}};
    uint32_t places[2];
    struct weft_placement_step branches[] = {{.name = "l", .model = "m"},
                                             {.name = "r", .model = "m"}};
    assert_status(placed(branches, 2, nodes, 2, 0, places, NULL), WEFT_OK);
    assert_int_not_equal(places[0], places[1]);
    static const uint32_t first[] = {0};
    struct weft_placement_step chain[] = {
        {.name = "l", .model = "m"},
        {.name = "r", .model = "m", .before = first, .before_count = 1}};
    assert_status(placed(chain, 2, nodes, 2, 1, places, NULL), WEFT_OK);
    assert_int_equal(places[0], 1); /* with the gateway, where the input is */
    assert_int_equal(places[1], 1);
}

static void work_that_is_there_already_counts(void **state)
{
    (void)state;
    struct weft_model_info m = model_of("m", 1, 0);
    struct weft_node_info a = node_of("a", 1, 0, &m, 1), b = node_of("b", 1, 0, &m, 1);
    struct weft_placement_node nodes[] = {{.info = &a, .open_tasks = 3},
                                          {.info = &b, .open_tasks = 1}};
    struct weft_placement_step step = {.name = "s", .model = "m"};
    uint32_t place = 9;
    assert_status(placed(&step, 1, nodes, 2, 0, &place, NULL), WEFT_OK);
    assert_int_equal(place, 1);
}

/* The node checks the sum; a step placed by its parts would be refused there. */
static void step_and_model_need_their_memory_together(void **state)
{
    (void)state;
    struct weft_model_info m = model_of("m", 1, 60);
    struct weft_node_info small = node_of("small", 1, 100, &m, 1),
                          large = node_of("large", 1, 200, &m, 1);
    struct weft_placement_node nodes[] = {{.info = &small, .open_tasks = 0},
                                          {.info = &large, .open_tasks = 5}};
    struct weft_needs needs = {.memory_bytes = 60};
    struct weft_placement_step step = {.name = "s", .model = "m", .needs = &needs};
    uint32_t place = 9;
    assert_status(placed(&step, 1, nodes, 2, 0, &place, NULL), WEFT_OK);
    assert_int_equal(place, 1);
}

static void what_stands_against_it_is_told(void **state)
{
    (void)state;
    char *gpu[] = {(char *)"gpu"};
    struct weft_model_info m = model_of("m", 2, 0), tagged = model_of("tagged", 1, 0);
    struct weft_model_info loading = model_of("loading", 1, 0), hungry = model_of("hungry", 1, 11);
    tagged.needs.tags = gpu;
    tagged.needs.tags_count = 1;
    loading.ready = false;
    struct weft_model_info models[] = {m, tagged, loading, hungry};
    struct weft_node_info a = node_of("a", 1, 10, models, 4);
    struct weft_placement_node nodes[] = {{.info = &a}, {0}};
    static const struct {
        const char *model, *node, *words;
    } cases[] = {
        {"m", NULL, "node \"a\" has 1 slots, 2 are needed"},
        {"tagged", NULL, "node \"a\" is not tagged \"gpu\""},
        {"loading", NULL, "no node has that model ready"},
        {"hungry", NULL, "node \"a\" has 10 bytes of memory, 11 are needed"},
        {"m", "b", "the pipeline wants it on node \"b\", which is not here"},
        {"loading", "a", "the pipeline wants it on node \"a\", which has no such model ready"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct weft_placement_step step = {
            .name = "s", .model = cases[i].model, .node = cases[i].node};
        struct weft_error *error = NULL;
        char expected[256];
        uint32_t place;
        assert_status(placed(&step, 1, nodes, 2, 0, &place, &error), WEFT_UNAVAILABLE);
        snprintf(expected, sizeof(expected), "no node can run step \"s\" with model \"%s\": %s",
                 cases[i].model, cases[i].words);
        assert_string_equal(weft_error_message(error), expected);
        assert_string_equal(weft_error_place(error).step, "s");
        weft_error_unref(error);
    }
}

/* A node that lives and never had the model is no answer to the question what is wrong. */
static void a_node_that_had_the_model_and_is_gone_is_named(void **state)
{
    (void)state;
    struct weft_model_info other = model_of("other", 1, 0), m = model_of("m", 1, 0);
    struct weft_node_info b = node_of("b", 1, 0, &other, 1), c = node_of("c", 1, 0, &m, 1),
                          d = node_of("d", 1, 0, &other, 1);
    struct weft_placement_node nodes[] = {{.info = &b}, {.gone = &c}, {.gone = &d}, {.info = &b}};
    struct weft_placement_step step = {.name = "s", .model = "m"};
    cleanup_error struct weft_error *error = NULL;
    uint32_t place;
    assert_status(placed(&step, 1, nodes, 4, 0, &place, &error), WEFT_UNAVAILABLE);
    assert_string_equal(
        weft_error_message(error),
        "no node can run step \"s\" with model \"m\": node \"c\", which had it, is gone");
    assert_string_equal(weft_error_place(error).step, "s");
    assert_string_equal(weft_error_place(error).node, "c");
}

static void a_join_runs_on_any_node(void **state)
{
    (void)state;
    struct weft_node_info a = node_of("a", 1, 0, NULL, 0);
    struct weft_placement_node nodes[] = {{0}, {.info = &a}};
    struct weft_placement_step step = {.name = "s", .model = "join/concat"};
    uint32_t place = 9;
    assert_status(placed(&step, 1, nodes, 2, 1, &place, NULL), WEFT_OK);
    assert_int_equal(place, 1);
}

static void the_seventieth_node_is_found_like_the_first(void **state)
{
    (void)state;
    struct weft_model_info m = model_of("m", 1, 0);
    struct weft_node_info bare = node_of("bare", 1, 0, NULL, 0);
    struct weft_node_info able = node_of("able", 1, 0, &m, 1);
    struct weft_placement_node nodes[70];
    for (size_t i = 0; i < 70; i++) {
        nodes[i] = (struct weft_placement_node){.info = &bare};
    }
    nodes[69].info = &able;
    struct weft_placement_step steps[] = {{.name = "s", .model = "m"}, {.name = "t", .model = "m"}};
    uint32_t places[2];
    assert_status(placed(steps, 2, nodes, 70, 0, places, NULL), WEFT_OK);
    assert_int_equal(places[0], 69);
    assert_int_equal(places[1], 69);
}

/* Graphs and clusters of any kind: what is kept says the same as what is looked up, and every step
 * is where it may be. */
static void what_is_kept_agrees_with_what_is_looked_up(void **state)
{
    (void)state;
    enum { STEPS = 100, NODES = 70, MODELS = 5 };
    static const char *const names[MODELS] = {"a", "b", "c", "d", "join/stack"};
    static struct weft_model_info models[NODES][MODELS];
    static struct weft_node_info infos[NODES];
    static uint32_t before[STEPS];
    struct weft_random random = {.state = 11};
    struct weft_needs two_slots = {.slots = 2};
    for (int round = 0; round < 50; round++) {
        struct weft_placement_node nodes[NODES];
        struct weft_placement_step steps[STEPS];
        uint32_t places[STEPS];
        for (size_t i = 0; i < NODES; i++) {
            size_t count = 0;
            for (size_t model = 0; model < MODELS - 1; model++) {
                if (weft_random_below(&random, 3) == 0) {
                    models[i][count++] = model_of(names[model], 1, 0);
                }
            }
            infos[i] = node_of(i == 3 ? "three" : "other",
                               1 + (uint32_t)weft_random_below(&random, 3), 0, models[i], count);
            nodes[i] = (struct weft_placement_node){
                .info = weft_random_below(&random, 10) > 0 || i == 3 ? &infos[i] : NULL,
                .open_tasks = (uint32_t)weft_random_below(&random, 4)};
        }
        for (size_t i = 0; i < STEPS; i++) {
            before[i] = i > 0 ? (uint32_t)weft_random_below(&random, i) : 0;
            steps[i] = (struct weft_placement_step){
                .name = "s",
                .model = names[weft_random_below(&random, MODELS)],
                .needs = weft_random_below(&random, 8) == 0 ? &two_slots : NULL,
                .before = &before[i],
                .before_count = i > 0 && weft_random_below(&random, 4) > 0};
            if (weft_random_below(&random, 10) == 0) {
                steps[i].model = names[MODELS - 1];
                steps[i].node = "three";
                steps[i].needs = NULL;
            }
        }
        if (placed(steps, STEPS, nodes, NODES, 0, places, NULL) != WEFT_OK) {
            continue; /* a model that nobody has */
        }
        for (size_t i = 0; i < STEPS; i++) {
            const struct weft_node_info *info = nodes[places[i]].info;
            assert_non_null(info);
            assert_true(steps[i].node == NULL || places[i] == 3);
            assert_true(steps[i].needs == NULL || info->resources.slots >= 2);
            assert_true(steps[i].model == names[MODELS - 1] ||
                        weft_node_find_model(info, steps[i].model, NULL) != NULL);
        }
    }
}

static void the_newest_version_wins_unless_one_is_asked_for(void **state)
{
    (void)state;
    struct weft_model_info models[] = {model_of("m", 1, 0), model_of("m", 1, 0),
                                       model_of("m", 1, 0)};
    models[0].version = (char *)"9";
    models[1].version = (char *)"10";
    models[2].version = (char *)"11";
    models[2].ready = false;
    struct weft_node_info a = node_of("a", 1, 0, models, 3);
    assert_ptr_equal(weft_node_find_model(&a, "m", NULL), &models[1]);
    assert_ptr_equal(weft_node_find_model(&a, "m", "9"), &models[0]);
    assert_null(weft_node_find_model(&a, "m", "11"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_goes_where_its_model_is),
        cmocka_unit_test(branches_part_and_a_chain_stays_together),
        cmocka_unit_test(work_that_is_there_already_counts),
        cmocka_unit_test(step_and_model_need_their_memory_together),
        cmocka_unit_test(what_stands_against_it_is_told),
        cmocka_unit_test(a_node_that_had_the_model_and_is_gone_is_named),
        cmocka_unit_test(a_join_runs_on_any_node),
        cmocka_unit_test(the_seventieth_node_is_found_like_the_first),
        cmocka_unit_test(what_is_kept_agrees_with_what_is_looked_up),
        cmocka_unit_test(the_newest_version_wins_unless_one_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
