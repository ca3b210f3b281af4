/* SPDX-License-Identifier: Apache-2.0 */
#include "run/outline.h"

#include <stdlib.h>
#include <string.h>

#include "support/story.h"

static struct weft_pipeline *pair(void)
{
    static const char text[] = "pipeline: pair\n"
                               "inputs: {x: {datatype: UINT8, shape: [-1]}}\n"
                               "steps:\n"
                               "  one: {model: ma, inputs: {i: x}}\n"
                               "  two: {model: mb, inputs: {i: one.o, j: one.p}}\n"
                               "outputs: {y: two.o}\n";
    cleanup_diagnostics struct weft_diagnostics diagnostics;
    weft_diagnostics_init(&diagnostics, "story");
    struct weft_pipeline *pipeline = NULL;
    struct weft_error *error = NULL;
    assert_ok(weft_pipeline_parse(text, strlen(text), &diagnostics, &pipeline, &error), error);
    return pipeline;
}

static void requests_of_one_pipeline_share_its_outline(void **state)
{
    (void)state;
    struct weft_pipeline *pipeline = pair();
    struct outlines outlines = {0};
    struct outline *first = outline_take(&outlines, pipeline);
    struct outline *second = outline_take(&outlines, pipeline);
    assert_non_null(first);
    assert_ptr_equal(first, second);
    assert_int_equal(first->steps_count, 2);
    assert_string_equal(first->steps[1].name, "two");
    assert_int_equal(first->edges_count, 4);
    for (size_t i = 0; i < first->edges_count; i++) {
        assert_null(first->series[i].seconds);
        assert_null(first->series[i].values);
    }
    outline_unref(first);
    outlines_forget(&outlines, pipeline);
    weft_pipeline_free(pipeline);
    assert_string_equal(second->pipeline, "pair"); /* outlives it where a record does */
    outline_unref(second);
    outlines_free(&outlines);
}

static void requests_that_are_placed_alike_share_the_nodes_names(void **state)
{
    (void)state;
    struct weft_pipeline *pipeline = pair();
    struct outlines outlines = {0};
    struct outline *outline = outline_take(&outlines, pipeline);
    char a[] = "a", b[] = "b";
    const char *on_a_and_b[] = {a, b}, *on_b[] = {"b", "b"};
    struct outline_nodes *first = outline_nodes_take(outline, on_a_and_b);
    struct outline_nodes *alike = outline_nodes_take(outline, on_a_and_b);
    struct outline_nodes *elsewhere = outline_nodes_take(outline, on_b);
    struct outline_nodes *back = outline_nodes_take(outline, on_a_and_b);
    assert_ptr_equal(first, alike);
    assert_ptr_not_equal(first, elsewhere);
    a[0] = b[0] = '?'; /* the names are copies: the plan they were in may go */
    assert_string_equal(first->of_step[0], "a");
    assert_string_equal(first->of_step[1], "b");
    assert_string_equal(elsewhere->of_step[0], "b");
    assert_string_equal(back->of_step[0], "a");
    outline_nodes_unref(first);
    outline_nodes_unref(alike);
    outline_nodes_unref(elsewhere);
    outline_nodes_unref(back);
    outline_unref(outline);
    outlines_free(&outlines);
    weft_pipeline_free(pipeline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_of_one_pipeline_share_its_outline),
        cmocka_unit_test(requests_that_are_placed_alike_share_the_nodes_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
