/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "support/failmalloc.h"

/* Each allocation of a call, and of a load, fails in turn: the call still ends exactly once, and
 * the next one works. */

static void every_allocation_of_a_call_fails_once(void **state)
{
    (void)state;
    static const char *const acts[] = {"echo", "forward", "take", "wanted", "fail", "stream"};
    struct stage stage;
    stage_open(&stage);
    stage_model(&stage, "hal", "1", "backend: \"actor-inline\"");
    stage_must_load(&stage, "hal");
    struct weft_model *model = stage_find(&stage, "hal");
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
        bool failed = true;
        for (size_t count = 0; failed; count++) {
            struct talk talk = {0};
            struct weft_error *error = NULL;
            failmalloc_arm(count);
            enum weft_status status = talk_start(&stage, model, acts[i], 5000, &talk, &error);
            for (int turn = 0; status == WEFT_OK && turn < 3; turn++) {
                weft_loop_turn(stage.loop, false);
            }
            failed = failmalloc_disarm();
            assert_int_equal(talk.ended.ended, status == WEFT_OK);
            weft_error_unref(error);
            assert_int_equal(weft_model_running(model), 0);
            assert_true(count < 200);
        }
    }
    weft_model_unref(model);
    stage_close(&stage, 1000);
}

static void every_allocation_of_a_load_fails_once(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    stage_model(&stage, "hal", "1",
                "backend: \"actor\"\n"
                "input { name: \"number\" data_type: TYPE_INT32 dims: [ -1 ] }\n"
                "parameters { key: \"weft.tags\" value { string_value: \"a,b\" } }\n");
    stage_must_load(&stage, "hal");
    bool failed = true;
    for (size_t count = 0; failed; count++) {
        struct ended ended = {0};
        failmalloc_arm(count);
        enum weft_status status =
            weft_repository_load(stage.repository, "hal", stage_done, &ended, NULL);
        for (int turn = 0; status == WEFT_OK && !ended.ended && turn < 1000; turn++) {
            weft_loop_turn(stage.loop, true);
        }
        failed = failmalloc_disarm();
        assert_int_equal(ended.ended, status == WEFT_OK);
        struct talk talk = {0};
        assert_status(talk_over(&stage, "hal", "echo", &talk), WEFT_OK);
        assert_true(count < 2000);
    }
    stage_close(&stage, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_of_a_call_fails_once),
        cmocka_unit_test(every_allocation_of_a_load_fails_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
