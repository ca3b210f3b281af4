/* SPDX-License-Identifier: Apache-2.0 */
#include "stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Models that come, go, are replaced, fail to load, and never return. */

static const char actor[] = "backend: \"actor\"\n";

static void assert_says(const struct ended *ended, enum weft_status status, const char *words)
{
    assert_status(ended->status, status);
    if (strstr(ended->message, words) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", ended->message, words);
    }
}

/* Version 1 of "hal" is loaded, an actor. */
static void open_with_hal(struct stage *stage)
{
    stage_open(stage);
    stage_model(stage, "hal", "1", actor);
    stage_must_load(stage, "hal");
}

static void a_model_is_loaded_and_unloaded(void **state)
{
    (void)state;
    struct stage stage;
    char reason[256];
    open_with_hal(&stage);
    assert_int_equal(stage_state(&stage, "hal", "1", NULL, 0), WEFT_MODEL_READY);
    assert_true(stage.changes > 0);
    assert_true(stage_logged(&stage, "models/hal/1"));
    struct weft_model *model = stage_find(&stage, "hal");
    assert_string_equal(weft_model_info(model)->platform, "weft_plugin");
    assert_string_equal(weft_model_info(model)->version, "1");
    assert_int_equal(weft_model_info(model)->needs.slots, 1);
    struct ended ended;
    assert_status(stage_unload(&stage, "hal", &ended), WEFT_OK);
    /* Whoever still holds it can't call it any more. */
    struct talk talk = {0};
    struct weft_error *error = NULL;
    assert_status(talk_start(&stage, model, "echo", 0, &talk, &error), WEFT_UNAVAILABLE);
    weft_error_unref(error);
    weft_model_unref(model);
    assert_int_equal(stage_state(&stage, "hal", "1", reason, sizeof(reason)),
                     WEFT_MODEL_UNAVAILABLE);
    assert_string_equal(reason, "unloaded");
    assert_status(stage_unload(&stage, "hal", &ended), WEFT_FAILED_PRECONDITION);
    stage_must_load(&stage, "hal");
    stage_close(&stage, 1000);
}

static void names_are_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {"../x", "",        ".",    "..",    "a/b",
                                      "/etc", ".hidden", "a\nb", "a\xff", "a\xc2\x85"};
    struct stage stage;
    struct ended ended;
    stage_open(&stage);
    stage_model(&stage, "portrait", "1", actor);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_status(stage_load(&stage, bad[i], &ended), WEFT_INVALID_ARGUMENT);
        assert_status(stage_unload(&stage, bad[i], &ended), WEFT_INVALID_ARGUMENT);
    }
    stage_must_load(&stage, "portrait");
    assert_status(stage_load(&stage, "portriat", &ended), WEFT_NOT_FOUND);
    assert_says(&ended, WEFT_NOT_FOUND, "did you mean \"portrait\"?");
    struct weft_model *model = NULL;
    assert_status(weft_repository_find(stage.repository, "portriat", NULL, &model, NULL),
                  WEFT_NOT_FOUND);
    assert_status(weft_repository_find(stage.repository, "portrait", "9", &model, NULL),
                  WEFT_NOT_FOUND);
    assert_status(weft_repository_find(stage.repository, "portrait", "1", &model, NULL), WEFT_OK);
    weft_model_unref(model);
    stage_close(&stage, 1000);
}

static void wrong_models_say_why(void **state)
{
    (void)state;
    static const struct {
        const char *config, *words;
    } cases[] = {
        {"backend: \"actr\"\n", "did you mean \"actor\"?"},
        {"backend: \"../actor\"\n", "can't be a backend's name"},
        {"backend: \"actor-old\"\n", "plugin ABI 2"},
        {"bakcend: \"actor\"\n", "hal/config.pbtxt:1:1: a model's configuration has no field "
                                 "\"bakcend\"; did you mean \"backend\"?"},
        {"name: \"other\"", "names the model \"other\""},
        {"", "holds neither model.onnx nor model.so"},
        {"platform: \"onnxruntime_onx\"", "did you mean \"onnxruntime_onnx\"?"},
        {"backend: \"actor\"\nparameters { key: \"fail\" value { string_value: \"no film\" } }",
         "version 1 of model \"hal\" can't be loaded: no film"},
        {"backend: \"actor\"\nparameters { key: \"numbr\" value { string_value: \"1\" } }",
         "hal/config.pbtxt:2:19: actor has no parameter \"numbr\"; did you mean \"number\"?"},
        {"backend: \"actor\"\nparameters { key: \"number\" value { string_value: \"101\" } }",
         "hal/config.pbtxt:2:50: the parameter \"number\" must be from 0 to 100, not 101"},
        {"backend: \"actor\"\nparameters { key: \"flag\" value { string_value: \"yes\" } }",
         "must be true or false, not \"yes\""},
        {"backend: \"actor\"\nparameters { key: \"weft.slot\" value { string_value: \"1\" } }",
         "did you mean \"weft.slots\"?"},
        {"backend: \"actor\"\ninput { name: \"numbr\" data_type: TYPE_INT32 dims: [ 1 ] }",
         "lists the input \"numbr\", which the model does not have; did you mean \"number\"?"},
        {"backend: \"actor\"\ninput { name: \"number\" data_type: TYPE_FP32 dims: [ 1 ] }",
         "says that the input \"number\" is FP32 [1], but the model has it as INT32 [-1]"},
        {"backend: \"actor\"\noutput { name: \"text\" data_type: TYPE_STRING dims: [ 2 ] }",
         "says that the output \"text\" is BYTES [2], but the model has it as BYTES [1]"},
        {"backend: \"actor\"\nversion_policy { specific { versions: [ 2 ] } }",
         "asks for version 2, which is not there"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct stage stage;
        struct ended ended;
        char reason[1024];
        stage_open(&stage);
        stage_model(&stage, "hal", "1", cases[i].config);
        assert_true(stage_load(&stage, "hal", &ended) != WEFT_OK);
        assert_says(&ended, ended.status, cases[i].words);
        assert_int_equal(stage_state(&stage, "hal", "1", reason, sizeof(reason)),
                         WEFT_MODEL_UNAVAILABLE);
        assert_string_equal(reason, ended.message);
        stage_close(&stage, 1000);
    }
}

static void versions_follow_the_policy(void **state)
{
    (void)state;
    struct stage stage;
    stage_open(&stage);
    stage_model(&stage, "hal", "1", actor);
    stage_model(&stage, "hal", "2", NULL);
    stage_model(&stage, "hal", "10", NULL);
    stage_model(&stage, "hal", "notes", NULL);
    stage_must_load(&stage, "hal");
    assert_int_equal(stage_state(&stage, "hal", "10", NULL, 0), WEFT_MODEL_READY);
    assert_int_equal(stage_state(&stage, "hal", "2", NULL, 0), WEFT_MODEL_UNAVAILABLE);
    stage_model(&stage, "hal", "1",
                "backend: \"actor\" version_policy { specific { versions: [ 1, 2 ] } }");
    stage_must_load(&stage, "hal");
    stage_for_ms(&stage, 20);
    assert_int_equal(stage_state(&stage, "hal", "10", NULL, 0), WEFT_MODEL_UNAVAILABLE);
    assert_int_equal(stage_state(&stage, "hal", "2", NULL, 0), WEFT_MODEL_READY);
    assert_int_equal(stage_state(&stage, "hal", "1", NULL, 0), WEFT_MODEL_READY);
    struct weft_model *model = stage_find(&stage, "hal");
    assert_string_equal(weft_model_info(model)->version, "2");
    weft_model_unref(model);
    stage_model(&stage, "hal", "1", "backend: \"actor\" version_policy { all {} }");
    stage_must_load(&stage, "hal");
    struct weft_model **models = NULL;
    size_t count = 0;
    struct weft_error *error = NULL;
    assert_ok(weft_repository_ready(stage.repository, &models, &count, &error), error);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < count; i++) {
        weft_model_unref(models[i]);
    }
    free(models);
    stage_close(&stage, 1000);
}

static void a_model_is_replaced_under_load(void **state)
{
    (void)state;
    struct stage stage;
    open_with_hal(&stage);
    struct weft_model *old = stage_find(&stage, "hal");
    struct weft_error *error = NULL;
    struct talk running = {0}, waiting = {0}, fresh = {0};
    assert_ok(talk_start(&stage, old, "hang", 0, &running, &error), error);
    assert_ok(talk_start(&stage, old, "echo", 0, &waiting, &error), error);
    /* When another one takes its place ... */
    stage_model(&stage, "hal", "1",
                "backend: \"actor\" parameters { key: \"number\" value { string_value: \"50\" } }");
    stage_must_load(&stage, "hal");
    /* ... new calls go there, and those that began before end where they began. */
    assert_status(talk_over(&stage, "hal", "echo", &fresh), WEFT_OK);
    assert_int_equal(fresh.number, 51);
    assert_int_equal(fresh.usage.generation, 2);
    assert_false(running.ended.ended);
    stage_write(&stage, "go", "");
    stage_until(&stage, &waiting.ended.ended);
    assert_int_equal(running.number, 8);
    assert_int_equal(waiting.number, 8);
    weft_model_unref(old);
    /* A load that fails leaves it in place. */
    struct ended ended;
    stage_model(&stage, "hal", "1", "backend: \"none\"");
    assert_status(stage_load(&stage, "hal", &ended), WEFT_NOT_FOUND);
    struct talk still = {0};
    assert_status(talk_over(&stage, "hal", "echo", &still), WEFT_OK);
    assert_int_equal(still.number, 51);
    stage_close(&stage, 1000);
}

static void unloading_waits_for_open_calls(void **state)
{
    (void)state;
    struct stage stage;
    open_with_hal(&stage);
    struct weft_model *model = stage_find(&stage, "hal");
    struct weft_error *error = NULL;
    struct talk talk = {0};
    struct ended unloaded = {0}, loaded = {0};
    assert_ok(talk_start(&stage, model, "hang", 0, &talk, &error), error);
    weft_model_unref(model);
    assert_ok(weft_repository_unload(stage.repository, "hal", stage_done, &unloaded, &error),
              error);
    assert_ok(weft_repository_load(stage.repository, "hal", stage_done, &loaded, &error), error);
    stage_for_ms(&stage, 20);
    assert_false(unloaded.ended || loaded.ended);
    assert_int_equal(stage_state(&stage, "hal", "1", NULL, 0), WEFT_MODEL_UNLOADING);
    assert_status(weft_repository_find(stage.repository, "hal", NULL, &model, NULL),
                  WEFT_UNAVAILABLE);
    stage_write(&stage, "go", "");
    stage_until(&stage, &loaded.ended);
    assert_status(talk.ended.status, WEFT_OK);
    assert_true(unloaded.ended);
    assert_status(loaded.status, WEFT_OK);
    stage_close(&stage, 1000);
}

static void all_models_are_loaded(void **state)
{
    (void)state;
    struct stage stage;
    struct ended ended = {0};
    struct weft_error *error = NULL;
    stage_open(&stage);
    stage_model(&stage, "a", "1", actor);
    stage_model(&stage, "b", "1", "backend: \"nobody\"");
    stage_model(&stage, "c", "3", "backend: \"actor-inline\" optimization { }");
    stage_model(&stage, "d", NULL, actor);
    stage_write(&stage, "models/README.md", "no model");
    assert_ok(weft_repository_load_all(stage.repository, stage_done, &ended, &error), error);
    stage_until(&stage, &ended.ended);
    assert_says(&ended, WEFT_NOT_FOUND, "");
    assert_int_equal(stage_state(&stage, "a", "1", NULL, 0), WEFT_MODEL_READY);
    assert_int_equal(stage_state(&stage, "b", "1", NULL, 0), WEFT_MODEL_UNAVAILABLE);
    assert_int_equal(stage_state(&stage, "c", "3", NULL, 0), WEFT_MODEL_READY);
    assert_int_equal(stage_state(&stage, "d", "", NULL, 0), WEFT_MODEL_UNAVAILABLE);
    assert_true(stage_logged(&stage, "c/config.pbtxt:1:25"));
    stage_close(&stage, 1000);
}

static void a_plugin_may_lie_with_its_model(void **state)
{
    (void)state;
    struct stage stage;
    char command[512];
    stage_open(&stage);
    stage_model(&stage, "own", "1", NULL);
    snprintf(command, sizeof(command), "cp '%s/actor.so' '%s'", getenv("ACTORS"),
             stage_path(&stage, "models/own/1/model.so"));
    assert_int_equal(system(command), 0);
    stage_must_load(&stage, "own");
    struct talk talk = {0};
    assert_status(talk_over(&stage, "own", "echo", &talk), WEFT_OK);
    /* Another build under the same name could not be opened beside it. */
    snprintf(command, sizeof(command), "cp '%s/actor-inline.so' '%s.new' && mv '%s.new' '%s'",
             getenv("ACTORS"), stage_path(&stage, "models/own/1/model.so"),
             stage_path(&stage, "models/own/1/model.so"),
             stage_path(&stage, "models/own/1/model.so"));
    assert_int_equal(system(command), 0);
    struct ended ended;
    assert_status(stage_load(&stage, "own", &ended), WEFT_FAILED_PRECONDITION);
    assert_says(&ended, WEFT_FAILED_PRECONDITION, "has changed since this node opened it");
    stage_close(&stage, 1000);
}

static void the_end_cancels_and_leaves_nothing(void **state)
{
    (void)state;
    struct stage stage;
    open_with_hal(&stage);
    struct weft_model *model = stage_find(&stage, "hal");
    struct weft_error *error = NULL;
    struct talk running = {0}, waiting = {0};
    struct ended loaded = {0};
    assert_ok(talk_start(&stage, model, "hang-cancel", 0, &running, &error), error);
    assert_ok(talk_start(&stage, model, "echo", 0, &waiting, &error), error);
    assert_ok(weft_repository_load(stage.repository, "hal", stage_done, &loaded, &error), error);
    weft_model_unref(model);
    stage_close(&stage, 5000);
    assert_status(running.ended.status, WEFT_CANCELLED);
    assert_status(waiting.ended.status, WEFT_CANCELLED);
    assert_true(loaded.ended);
}

static void note(void *context)
{
    *(bool *)context = true;
}

static void a_stuck_model_is_left_behind(void **state)
{
    (void)state;
    static const struct {
        const char *config, *words;
        bool load_ends;
    } cases[] = {
        {"", "calls do not return (1 calls)", true},
        {"parameters { key: \"hang\" value { string_value: \"%s\" } }", "its load does not return",
         false},
        {"parameters { key: \"hang-unload\" value { string_value: \"%s\" } }",
         "its unload does not return", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct stage stage;
        char config[512] = "backend: \"actor\"\n";
        stage_open(&stage);
        size_t at = strlen(config);
        if (cases[i].config[0] != '\0') {
            const char *hole = strstr(cases[i].config, "%s");
            snprintf(config + at, sizeof(config) - at, "%.*s%s%s", (int)(hole - cases[i].config),
                     cases[i].config, stage_path(&stage, "go"), hole + 2);
        }
        stage_model(&stage, "hal", "1", config);
        struct ended loaded = {0};
        struct talk talk = {0};
        struct weft_error *error = NULL;
        assert_ok(weft_repository_load(stage.repository, "hal", stage_done, &loaded, &error),
                  error);
        if (cases[i].load_ends) {
            stage_until(&stage, &loaded.ended);
        } else {
            stage_for_ms(&stage, 50);
        }
        if (i == 0) {
            struct weft_model *model = stage_find(&stage, "hal");
            assert_ok(talk_start(&stage, model, "hang", 0, &talk, &error), error);
            weft_model_unref(model);
            stage_for_ms(&stage, 20);
        }
        bool closed = false;
        weft_repository_close(stage.repository, 30, note, &closed);
        stage_until(&stage, &closed);
        assert_true(stage_logged(&stage, cases[i].words));
        assert_true(loaded.ended);
        assert_int_equal(talk.ended.ended, i == 0);
        weft_loop_free(stage.loop);
        weft_text_fini(&stage.lines);
        /* When the stuck thread comes back after all, it finds nothing to harm. */
        stage_write(&stage, "go", "");
        usleep(30000);
        char command[128];
        snprintf(command, sizeof(command), "rm -rf '%s'", stage.directory);
        assert_int_equal(system(command), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_is_loaded_and_unloaded),
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(wrong_models_say_why),
        cmocka_unit_test(versions_follow_the_policy),
        cmocka_unit_test(a_model_is_replaced_under_load),
        cmocka_unit_test(unloading_waits_for_open_calls),
        cmocka_unit_test(all_models_are_loaded),
        cmocka_unit_test(a_plugin_may_lie_with_its_model),
        cmocka_unit_test(the_end_cancels_and_leaves_nothing),
        cmocka_unit_test(a_stuck_model_is_left_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
