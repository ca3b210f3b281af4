/* SPDX-License-Identifier: Apache-2.0 */
#include "support/failmalloc.h"
#include "unit/run/stand.h"

/* Each allocation fails in turn: what was begun ends, once, and the nodes serve on. */

enum { ALLOCATIONS_MAX = 4000 };

static struct stand stand;
static struct stand_node *a, *b;

static void set(void *context)
{
    *(bool *)context = true;
}

static bool is_set(void *context)
{
    return *(bool *)context;
}

static void close_engine(struct stand_node *node)
{
    bool closed = false;
    weft_run_close(node->run, set, &closed);
    stand_until(node->stand, is_set, &closed);
    node->run = NULL;
}

static void an_engine_is_made_or_leaves_nothing_behind(void **state)
{
    (void)state;
    stand_open(&stand);
    a = stand_node(&stand, "a");
    stand_model(a, "same", 1, STAND_SAME);
    stand_prepare(&stand);
    bool failed = true;
    for (size_t i = 0; failed; i++) {
        struct weft_run_options options = stand_options(a);
        cleanup_error struct weft_error *error = NULL;
        /* What an engine that failed has registered stays with the metrics. */
        weft_metrics_free(a->metrics);
        assert_status(weft_metrics_new(&a->metrics, NULL), WEFT_OK);
        options.metrics = a->metrics;
        failmalloc_arm(i);
        enum weft_status status = weft_run_new(&options, &a->run, &error);
        failed = failmalloc_disarm();
        assert_true(status == WEFT_OK || (failed && status == WEFT_OUT_OF_MEMORY));
        assert_true(i < ALLOCATIONS_MAX);
        if (failed && status == WEFT_OK) { /* it only counts less */
            close_engine(a);
        }
    }
    weft_run_models_changed(a->run);
    struct stand_call call;
    assert_status(stand_call(a, &call, "same", 1, NULL, WEFT_NS_PER_S), WEFT_OK);
    stand_call_fini(&call);
    stand_close(&stand);
}

/* --- a request over two nodes --- */

static void two_nodes(void)
{
    stand_open(&stand);
    a = stand_node(&stand, "a");
    b = stand_node(&stand, "b");
    stand_model(b, "same", 1, STAND_SAME);
    stand_model(b, "stream", 1, STAND_STREAM);
    stand_start(&stand);
    stand_knows(a, b);
    stand_until_seen(a, b, 2);
}

/* Ends, however; the request's own deadline is the patience. */
static void ask_while_memory_fails(const char *name)
{
    struct stand_call call;
    if (stand_ask(a, &call, name, 1000, "me", WEFT_NS_PER_S) == WEFT_OK) {
        while (call.done == 0) {
            weft_loop_turn(stand.loop, true);
        }
        assert_int_equal(call.done, 1);
    }
    stand_call_fini(&call);
}

static bool is_served_again(const char *name)
{
    for (unsigned attempt = 0; attempt < 20; attempt++) {
        struct stand_call call;
        enum weft_status status = stand_call(a, &call, name, 1000, NULL, 5 * WEFT_NS_PER_S);
        stand_call_fini(&call);
        if (status == WEFT_OK) {
            return true;
        }
        stand_wait_ms(&stand, 50); /* the nodes find each other again */
    }
    return false;
}

static void each_allocation_fails_in_turn(const char *name)
{
    two_nodes();
    bool failed = true;
    for (size_t i = 0; failed; i++) {
        failmalloc_arm(i);
        ask_while_memory_fails(name);
        failed = failmalloc_disarm();
        assert_true(is_served_again(name));
        assert_true(i < ALLOCATIONS_MAX);
    }
    /* Requests whose last report was lost settle without it. */
    stand_wait_ms(&stand, WEFT_GATEWAY_SETTLE_NS / WEFT_NS_PER_MS + 50);
    assert_int_equal(weft_run_busy(a->run), 0);
    assert_int_equal(weft_run_busy(b->run), 0);
    stand_close(&stand);
}

static void a_request_ends_and_the_next_is_served(void **state)
{
    (void)state;
    each_allocation_fails_in_turn("same");
}

static void so_does_a_stream(void **state)
{
    (void)state;
    each_allocation_fails_in_turn("stream");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_engine_is_made_or_leaves_nothing_behind),
        cmocka_unit_test(a_request_ends_and_the_next_is_served),
        cmocka_unit_test(so_does_a_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
