/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_JOIN_BUILD_H
#define TESTS_UNIT_JOIN_BUILD_H

/* Values and options in a line each, for the stories of the join operators. */

#include <string.h>

#include "join/join.h"
#include "support/story.h"

enum { INPUTS_MAX = 8 };

/* What an operator is asked. */
struct ask {
    const char *join;
    struct weft_parameters options;
    struct weft_value *inputs[INPUTS_MAX];
    size_t inputs_count;
};

#define SHAPE(...)                                                                                 \
    (struct weft_shape)                                                                            \
    {                                                                                              \
        .rank = sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), .dims = { __VA_ARGS__ }        \
    }

static inline struct ask ask(const char *join)
{
    return (struct ask){.join = join};
}

static inline void give(struct ask *ask, enum weft_datatype datatype, struct weft_shape shape,
                        const void *bytes, size_t size_bytes)
{
    struct weft_error *error = NULL;
    assert_ok(weft_value_new(datatype, &shape, bytes, size_bytes, &ask->inputs[ask->inputs_count++],
                             &error),
              error);
}

/* UINT8 elements, told as text: "\1\2". */
static inline void give_octets(struct ask *ask, struct weft_shape shape, const char *octets,
                               size_t count)
{
    give(ask, WEFT_UINT8, shape, octets, count);
}

static inline void give_text(struct ask *ask, const char *text)
{
    struct weft_error *error = NULL;
    assert_ok(
        weft_value_new_bytes(text, strlen(text), NULL, &ask->inputs[ask->inputs_count++], &error),
        error);
}

static inline void with_number(struct ask *ask, const char *name, int64_t number)
{
    assert_status(weft_parameters_set_int64(&ask->options, name, number, NULL), WEFT_OK);
}

static inline void with_word(struct ask *ask, const char *name, const char *word)
{
    assert_status(weft_parameters_set_string(&ask->options, name, word, NULL), WEFT_OK);
}

static inline enum weft_status answer(struct ask *ask, struct weft_value **ret_value,
                                      struct weft_error **error)
{
    return weft_join_apply(ask->join, &ask->options, ask->inputs, ask->inputs_count, ret_value,
                           error);
}

static inline void ask_fini(struct ask *ask)
{
    for (size_t i = 0; i < ask->inputs_count; i++) {
        weft_value_unref(ask->inputs[i]);
    }
    weft_parameters_fini(&ask->options);
}

/* The ask is answered with these octets in this shape. Ends the ask. */
static inline void gives_octets(struct ask *ask, struct weft_shape shape, const char *octets,
                                size_t count)
{
    struct weft_error *error = NULL;
    cleanup_value struct weft_value *value = NULL;
    assert_ok(answer(ask, &value, &error), error);
    assert_true(weft_shape_equal(weft_value_shape(value), &shape));
    assert_int_equal(weft_value_size_bytes(value), count);
    if (count > 0) {
        assert_memory_equal(weft_value_data(value), octets, count);
    }
    ask_fini(ask);
}

/* The ask is answered with this text. Ends the ask. */
static inline void gives_text(struct ask *ask, const char *text)
{
    struct weft_error *error = NULL;
    cleanup_value struct weft_value *value = NULL;
    const void *bytes = NULL;
    size_t size_bytes = 0;
    assert_ok(answer(ask, &value, &error), error);
    assert_true(weft_value_bytes_at(value, 0, &bytes, &size_bytes));
    assert_int_equal(size_bytes, strlen(text));
    assert_memory_equal(bytes, text, size_bytes);
    ask_fini(ask);
}

/* The ask is refused with these words. Ends the ask. */
static inline void refuses(struct ask *ask, enum weft_status status, const char *words)
{
    cleanup_error struct weft_error *error = NULL;
    struct weft_value *value = NULL;
    assert_status(answer(ask, &value, &error), status);
    assert_null(value);
    assert_string_equal(weft_error_message(error), words);
    ask_fini(ask);
}

#endif
