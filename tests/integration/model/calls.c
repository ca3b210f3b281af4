/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What becomes of a call: the good, the slow, the misbehaving, on threads and on the loop. */

static const char *const backends[] = {"actor", "actor-inline"};
enum { BACKENDS_COUNT = 2 };

static void open_with(struct stage *stage, const char *backend, const char *more)
{
    char config[512];
    stage_open(stage);
    snprintf(config, sizeof(config), "backend: \"%s\"\n%s", backend, more);
    stage_model(stage, "hal", "1", config);
    stage_must_load(stage, "hal");
}

static void a_call_is_answered(void **state)
{
    (void)state;
    for (int i = 0; i < BACKENDS_COUNT; i++) {
        struct stage stage;
        open_with(&stage, backends[i], "");
        struct talk talk = {0};
        assert_status(talk_over(&stage, "hal", "echo", &talk), WEFT_OK);
        assert_int_equal(talk.number, 8);
        assert_string_equal(talk.text, "r-1");
        assert_int_equal(talk.usage.generation, 1);
        assert_true(talk.usage.compute_ns > 0);
        stage_close(&stage, 1000);
    }
}

static void an_answer_may_come_from_any_thread(void **state)
{
    (void)state;
    for (int i = 0; i < BACKENDS_COUNT; i++) {
        struct stage stage;
        open_with(&stage, backends[i], "");
        struct talk talk = {0};
        assert_status(talk_over(&stage, "hal", "elsewhere", &talk), WEFT_OK);
        assert_int_equal(talk.number, 8);
        stage_close(&stage, 1000);
    }
}

static void inputs_are_aligned_forwarded_and_left_out(void **state)
{
    (void)state;
    for (int i = 0; i < BACKENDS_COUNT; i++) {
        struct stage stage;
        open_with(&stage, backends[i], "");
        struct talk aligned = {0}, forwarded = {0}, wanted = {0}, failed = {0};
        assert_status(talk_over(&stage, "hal", "aligned", &aligned), WEFT_ABORTED);
        assert_status(talk_over(&stage, "hal", "forward", &forwarded), WEFT_OK);
        assert_int_equal(forwarded.number, 1);
        assert_string_equal(forwarded.content_type, "x/y");
        assert_status(talk_over(&stage, "hal", "wanted", &wanted), WEFT_OK);
        assert_int_equal(wanted.number, 1);
        assert_status(talk_over(&stage, "hal", "fail", &failed), WEFT_OUT_OF_RANGE);
        assert_string_equal(failed.ended.message, "as asked");
        stage_close(&stage, 1000);
    }
}

static void misuse_is_an_internal_error(void **state)
{
    (void)state;
    static const struct {
        const char *act, *words;
    } cases[] = {
        {"twice", "complete was called twice"},
        {"output-twice", "\"number\" was made twice"},
        {"wrong-name", "\"nubmer\" is none of the model's outputs"},
        {"wrong-size", "made with 5 bytes, but its shape needs 4"},
        {"wrong-type", "was made as FP32, but is INT32"},
        {"wrong-shape", "made with the shape [1,1]"},
        {"overrun", "wrote past the end of its output \"number\""},
        {"bad-bytes", "made a wrong output \"text\""},
        {"missing", "did not make its output \"text\""},
        {"late", "\"text\" was made after complete"},
        {"emit", "emit was called by a model that doesn't stream"},
        {"emit-late", "emit was called"},
        {"forward-far", "there is no input 9"},
        {"status", "failed without saying why"},
    };
    for (int i = 0; i < BACKENDS_COUNT; i++) {
        struct stage stage;
        open_with(&stage, backends[i], "");
        for (size_t j = 0; j < sizeof(cases) / sizeof(cases[0]); j++) {
            struct talk bad = {0}, good = {0};
            assert_status(talk_over(&stage, "hal", cases[j].act, &bad), WEFT_INTERNAL);
            if (strstr(bad.ended.message, cases[j].words) == NULL) {
                fail_msg("%s: %s", cases[j].act, bad.ended.message);
            }
            assert_status(talk_over(&stage, "hal", "echo", &good), WEFT_OK);
        }
        stage_close(&stage, 1000);
    }
}

static void a_request_is_checked(void **state)
{
    (void)state;
    struct stage stage;
    open_with(&stage, "actor", "input { name: \"number\" data_type: TYPE_INT32 dims: [ 2 ] }\n");
    struct talk talk = {0};
    assert_status(talk_over(&stage, "hal", "echo", &talk), WEFT_INVALID_ARGUMENT);
    assert_string_equal(talk.ended.message,
                        "input \"number\" of model \"hal\" has the shape [2], not [1]");
    struct weft_model *model = stage_find(&stage, "hal");
    struct weft_values inputs = {0};
    struct weft_error *error = NULL;
    struct weft_model_request request = {.inputs = &inputs};
    assert_status(weft_model_check(model, &request, &error), WEFT_INVALID_ARGUMENT);
    assert_string_equal(weft_error_message(error), "input \"number\" of model \"hal\" is missing");
    weft_error_unref(error);
    error = NULL;
    struct weft_value *value = NULL;
    assert_ok(weft_value_new_bytes("x", 1, NULL, &value, &error), error);
    assert_ok(weft_values_add(&inputs, "nummer", value, &error), error);
    assert_status(weft_model_check(model, &request, &error), WEFT_INVALID_ARGUMENT);
    assert_string_equal(weft_error_message(error),
                        "model \"hal\" has no input \"nummer\"; did you mean \"number\"?");
    weft_error_unref(error);
    weft_value_unref(value);
    weft_values_fini(&inputs);
    weft_model_unref(model);
    stage_close(&stage, 1000);
}

static void a_deadline_holds_though_the_model_hangs(void **state)
{
    (void)state;
    struct stage stage;
    open_with(&stage, "actor", "instance_group { count: 2 }");
    struct weft_model *model = stage_find(&stage, "hal");
    struct talk hanging = {0}, waiting = {0}, served = {0}, refused = {0};
    struct weft_error *error = NULL;
    /* Given a model with two instances, of which one hangs past its deadline ... */
    assert_ok(talk_start(&stage, model, "hang", 20, &hanging, &error), error);
    stage_until(&stage, &hanging.ended.ended);
    assert_status(hanging.ended.status, WEFT_DEADLINE_EXCEEDED);
    assert_int_equal(weft_model_running(model), 1);
    assert_int_equal(weft_model_stuck(model), 1);
    /* ... the other still serves. */
    assert_status(talk_over(&stage, "hal", "echo", &served), WEFT_OK);
    /* When that hangs too, calls wait, and are told once it has lasted. */
    struct talk second = {0};
    assert_ok(talk_start(&stage, model, "hang", 20, &second, &error), error);
    assert_ok(talk_start(&stage, model, "echo", 0, &waiting, &error), error);
    stage_until(&stage, &waiting.ended.ended);
    assert_status(waiting.ended.status, WEFT_UNAVAILABLE);
    assert_status(talk_start(&stage, model, "echo", 0, &refused, &error), WEFT_UNAVAILABLE);
    weft_error_unref(error);
    error = NULL;
    /* When they come back, it serves again. */
    stage_write(&stage, "go", "");
    while (weft_model_running(model) > 0) {
        weft_loop_turn(stage.loop, true);
    }
    struct talk again = {0};
    assert_status(talk_over(&stage, "hal", "echo", &again), WEFT_OK);
    assert_int_equal(weft_model_stuck(model), 0);
    weft_model_unref(model);
    stage_close(&stage, 1000);
}

static void a_queue_goes_on_behind_calls_that_were_given_up(void **state)
{
    (void)state;
    struct stage stage;
    open_with(&stage, "actor", "");
    struct weft_model *model = stage_find(&stage, "hal");
    struct weft_error *error = NULL;
    struct talk first = {0}, given_up = {0}, late = {0}, last = {0};
    assert_ok(talk_start(&stage, model, "hang-cancel", 0, &first, &error), error);
    assert_ok(talk_start(&stage, model, "echo", 0, &given_up, &error), error);
    assert_ok(talk_start(&stage, model, "echo", 10, &late, &error), error);
    assert_ok(talk_start(&stage, model, "echo", 0, &last, &error), error);
    stage_for_ms(&stage, 30);
    assert_status(late.ended.status, WEFT_DEADLINE_EXCEEDED);
    weft_inference_cancel(given_up.inference);
    assert_false(given_up.ended.ended);
    weft_loop_turn(stage.loop, false);
    assert_status(given_up.ended.status, WEFT_CANCELLED);
    weft_inference_cancel(first.inference);
    weft_inference_cancel(first.inference);
    stage_until(&stage, &last.ended.ended);
    assert_status(first.ended.status, WEFT_CANCELLED);
    assert_status(last.ended.status, WEFT_OK);
    weft_model_unref(model);
    stage_close(&stage, 1000);
}

static void a_full_queue_refuses(void **state)
{
    (void)state;
    struct stage stage;
    open_with(&stage, "actor", "");
    struct weft_model *model = stage_find(&stage, "hal");
    struct weft_error *error = NULL;
    struct talk *talks = calloc(WEFT_MODEL_QUEUE_MAX + 2, sizeof(*talks));
    assert_ok(talk_start(&stage, model, "hang-cancel", 0, &talks[0], &error), error);
    for (int i = 1; i <= WEFT_MODEL_QUEUE_MAX; i++) {
        assert_ok(talk_start(&stage, model, "echo", 0, &talks[i], &error), error);
    }
    assert_status(talk_start(&stage, model, "echo", 0, &talks[WEFT_MODEL_QUEUE_MAX + 1], &error),
                  WEFT_RESOURCE_EXHAUSTED);
    weft_error_unref(error);
    weft_inference_cancel(talks[0].inference);
    stage_until(&stage, &talks[WEFT_MODEL_QUEUE_MAX].ended.ended);
    assert_status(talks[WEFT_MODEL_QUEUE_MAX].ended.status, WEFT_OK);
    weft_model_unref(model);
    free(talks);
    stage_close(&stage, 1000);
}

static void parts_come_in_order(void **state)
{
    (void)state;
    struct stage stage;
    open_with(&stage, "actor-streaming", "");
    struct talk talk = {0};
    assert_status(talk_over(&stage, "hal", "stream", &talk), WEFT_OK);
    assert_int_equal(talk.parts, 200);
    assert_int_equal(talk.parts_wrong, 0);
    assert_int_equal(talk.number, 8);
    /* A caller who has enough gets no more. */
    struct talk enough = {.cancel_after = 3};
    assert_status(talk_over(&stage, "hal", "stream", &enough), WEFT_CANCELLED);
    assert_int_equal(enough.parts, 3);
    struct talk again = {0};
    assert_status(talk_over(&stage, "hal", "echo", &again), WEFT_OK);
    stage_close(&stage, 1000);
}

static void what_is_learned_shows(void **state)
{
    (void)state;
    for (int i = 0; i < BACKENDS_COUNT; i++) {
        struct stage stage;
        open_with(&stage, backends[i], "");
        struct weft_model *model = stage_find(&stage, "hal");
        assert_int_equal(weft_model_info(model)->generation, 1);
        struct talk talk = {0};
        int changes = stage.changes;
        assert_status(talk_over(&stage, "hal", "learn", &talk), WEFT_OK);
        assert_int_equal(talk.usage.generation, 42);
        stage_for_ms(&stage, 5);
        assert_int_equal(weft_model_info(model)->generation, 42);
        assert_int_equal(stage.changes, changes + 1);
        weft_model_unref(model);
        stage_close(&stage, 1000);
    }
}

static void memory_of_a_plugin_keeps_it_loaded(void **state)
{
    (void)state;
    struct stage stage;
    open_with(&stage, "actor", "");
    struct talk talk = {.keep = true};
    assert_status(talk_over(&stage, "hal", "take", &talk), WEFT_OK);
    assert_int_equal(talk.number, 7);
    struct ended unloaded = {0};
    struct weft_error *error = NULL;
    assert_ok(weft_repository_unload(stage.repository, "hal", stage_done, &unloaded, &error),
              error);
    stage_for_ms(&stage, 20);
    assert_false(unloaded.ended);
    assert_int_equal(stage_state(&stage, "hal", "1", NULL, 0), WEFT_MODEL_UNLOADING);
    weft_value_unref(talk.kept);
    stage_until(&stage, &unloaded.ended);
    assert_status(unloaded.status, WEFT_OK);
    stage_close(&stage, 1000);
}

/* Given a model whose load takes 4 MiB, what it holds is that, and what its calls and values hold.
 */
static void what_a_model_holds_is_counted(void **state)
{
    (void)state;
    const uint64_t weight_bytes = 4 * 1024 * 1024;
    const uint64_t call_bytes = 2 * sizeof(int32_t); /* its output, and the input, aligned */
    struct stage stage;
    open_with(&stage, "actor",
              "parameters { key: \"weight\" value { string_value: \"4194304\" } }");
    struct weft_model *model = stage_find(&stage, "hal");
    uint64_t loaded_bytes = weft_model_memory_bytes(model);
    assert_in_range(loaded_bytes, weight_bytes, weight_bytes + 256 * 1024);
    struct talk held = {0}, taken = {.keep = true};
    struct weft_error *error = NULL;
    assert_ok(talk_start(&stage, model, "hold", 0, &held, &error), error);
    for (int i = 0; i < 500 && weft_model_memory_bytes(model) < loaded_bytes + call_bytes; i++) {
        stage_for_ms(&stage, 10);
    }
    assert_int_equal(weft_model_memory_bytes(model), loaded_bytes + call_bytes);
    stage_write(&stage, "go", "");
    stage_until(&stage, &held.ended.ended);
    assert_int_equal(weft_model_memory_bytes(model), loaded_bytes);
    /* Memory of the plugin's own counts until the last value lets go of it. */
    assert_status(talk_over(&stage, "hal", "take", &taken), WEFT_OK);
    assert_int_equal(weft_model_memory_bytes(model), loaded_bytes + sizeof(int32_t));
    weft_value_unref(taken.kept);
    assert_int_equal(weft_model_memory_bytes(model), loaded_bytes);
    weft_model_unref(model);
    stage_close(&stage, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_answered),
        cmocka_unit_test(an_answer_may_come_from_any_thread),
        cmocka_unit_test(inputs_are_aligned_forwarded_and_left_out),
        cmocka_unit_test(misuse_is_an_internal_error),
        cmocka_unit_test(a_request_is_checked),
        cmocka_unit_test(a_deadline_holds_though_the_model_hangs),
        cmocka_unit_test(a_queue_goes_on_behind_calls_that_were_given_up),
        cmocka_unit_test(a_full_queue_refuses),
        cmocka_unit_test(parts_come_in_order),
        cmocka_unit_test(what_is_learned_shows),
        cmocka_unit_test(memory_of_a_plugin_keeps_it_loaded),
        cmocka_unit_test(what_a_model_holds_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
