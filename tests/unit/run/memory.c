/* SPDX-License-Identifier: Apache-2.0 */
#include "support/failmalloc.h"
#include "unit/run/stand.h"

/* Each allocation fails in turn: what was begun ends, once, and the nodes serve on. */

enum { ALLOCATIONS_MAX = 4000 };

static struct stand stand;
static struct stand_node *a;

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_engine_is_made_or_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
