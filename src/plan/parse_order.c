/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "plan/parse_parts.h"

static bool contains(const uint32_t *list, size_t count, uint32_t step)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] == step) {
            return true;
        }
    }
    return false;
}

static void add_before(struct weft_pipeline_step *step, uint32_t before)
{
    if (!contains(step->before, step->before_count, before)) {
        step->before[step->before_count++] = before;
    }
}

static bool fill_before(struct parsing *parsing)
{
    for (size_t i = 0; i < parsing->pipeline->steps_count; i++) {
        struct weft_pipeline_step *step = &parsing->pipeline->steps[i];
        step->before =
            keep_array(parsing, step->inputs_count + step->after_count, sizeof(*step->before));
        if (step->before == NULL) {
            return false;
        }
        for (size_t input = 0; input < step->inputs_count; input++) {
            if (step->inputs[input].kind == WEFT_SOURCE_STEP) {
                add_before(step, step->inputs[input].from_step);
            }
        }
        for (size_t after = 0; after < step->after_count; after++) {
            add_before(step, step->after[after]);
        }
    }
    return true;
}

/* Follows predecessors that are not yet in order: they must lead round. */
static void complain_of_cycle(struct parsing *parsing, const bool *placed)
{
    const struct weft_pipeline *pipeline = parsing->pipeline;
    cleanup_free uint32_t *path = calloc(pipeline->steps_count + 1, sizeof(*path));
    if (path == NULL) {
        parsing->diagnostics->failed = true;
        return;
    }
    uint32_t at = 0;
    while (placed[at]) {
        at++;
    }
    size_t length = 0;
    while (!contains(path, length, at)) {
        path[length++] = at;
        const struct weft_pipeline_step *step = &pipeline->steps[at];
        for (size_t i = 0; i < step->before_count; i++) {
            if (!placed[step->before[i]]) {
                at = step->before[i];
                break;
            }
        }
    }
    cleanup_text struct weft_text text = {0};
    weft_text_append_string(&text, pipeline->steps[at].name);
    for (size_t i = length; i-- > 0;) {
        weft_text_printf(&text, " -> %s", pipeline->steps[path[i]].name);
        if (path[i] == at) {
            break;
        }
    }
    COMPLAIN(parsing, pipeline->steps[at].at, NULL, "the steps wait for each other in a circle: %s",
             weft_text_string(&text));
}

static void renumber(uint32_t *list, size_t count, const uint32_t *new_index)
{
    for (size_t i = 0; i < count; i++) {
        list[i] = list[i] == WEFT_STEP_GATEWAY ? WEFT_STEP_GATEWAY : new_index[list[i]];
    }
}

static int rising(const void *left, const void *right)
{
    const uint32_t *a = left;
    const uint32_t *b = right;
    return *a < *b ? -1 : *a > *b;
}

static void renumber_bindings(struct weft_pipeline_binding *bindings, size_t count,
                              const uint32_t *new_index)
{
    for (size_t i = 0; i < count; i++) {
        if (bindings[i].kind == WEFT_SOURCE_STEP) {
            bindings[i].from_step = new_index[bindings[i].from_step];
        }
    }
}

/* order: the old index of each step in the new order. */
static void apply_order(struct parsing *parsing, const uint32_t *order, uint32_t *new_index)
{
    struct weft_pipeline *pipeline = parsing->pipeline;
    struct weft_pipeline_step *steps = keep_array(parsing, pipeline->steps_count, sizeof(*steps));
    if (steps == NULL) {
        return;
    }
    for (uint32_t i = 0; i < pipeline->steps_count; i++) {
        steps[i] = pipeline->steps[order[i]];
        new_index[order[i]] = i;
    }
    free(pipeline->steps);
    pipeline->steps = steps;
    for (size_t i = 0; i < pipeline->steps_count; i++) {
        renumber(steps[i].after, steps[i].after_count, new_index);
        renumber(steps[i].before, steps[i].before_count, new_index);
        if (steps[i].before_count > 1) {
            qsort(steps[i].before, steps[i].before_count, sizeof(*steps[i].before), rising);
        }
        renumber_bindings(steps[i].inputs, steps[i].inputs_count, new_index);
    }
    renumber_bindings(pipeline->outputs, pipeline->outputs_count, new_index);
}

static bool all_placed(const struct weft_pipeline_step *step, const bool *placed)
{
    for (size_t i = 0; i < step->before_count; i++) {
        if (!placed[step->before[i]]) {
            return false;
        }
    }
    return true;
}

/* Topological, and among equals as in the file. Quadratic, which at WEFT_PLAN_STEPS_MAX is a
 * millisecond. */
void order_steps(struct parsing *parsing)
{
    const struct weft_pipeline *pipeline = parsing->pipeline;
    size_t count = pipeline->steps_count;
    cleanup_free uint32_t *order = keep_array(parsing, count, sizeof(*order));
    cleanup_free uint32_t *new_index = keep_array(parsing, count, sizeof(*new_index));
    cleanup_free bool *placed = keep_array(parsing, count, sizeof(*placed));
    if (order == NULL || new_index == NULL || placed == NULL || !fill_before(parsing)) {
        return;
    }
    for (size_t done = 0; done < count; done++) {
        uint32_t next = 0;
        while (next < count && (placed[next] || !all_placed(&pipeline->steps[next], placed))) {
            next++;
        }
        if (next == count) {
            complain_of_cycle(parsing, placed);
            return;
        }
        placed[next] = true;
        order[done] = next;
    }
    apply_order(parsing, order, new_index);
}

/* A step is needed if an output of the pipeline, or a needed step, takes from it or waits for it.
 */
void find_unneeded(struct parsing *parsing)
{
    const struct weft_pipeline *pipeline = parsing->pipeline;
    if (parsing->diagnostics->errors > 0 || parsing->diagnostics->failed) {
        return;
    }
    cleanup_free bool *needed = keep_array(parsing, pipeline->steps_count, sizeof(*needed));
    if (needed == NULL) {
        return;
    }
    for (size_t i = 0; i < pipeline->outputs_count; i++) {
        needed[pipeline->outputs[i].from_step] = true;
    }
    for (size_t i = pipeline->steps_count; i-- > 0;) {
        const struct weft_pipeline_step *step = &pipeline->steps[i];
        for (size_t before = 0; needed[i] && before < step->before_count; before++) {
            needed[step->before[before]] = true;
        }
        if (!needed[i]) {
            COMPLAIN(parsing, step->at, NULL,
                     "nothing needs step \"%s\": no output of the pipeline comes from it",
                     step->name);
        }
    }
    for (size_t i = 0; i < pipeline->inputs_count; i++) {
        if (!parsing->input_used[i]) {
            weft_diagnostics_add(parsing->diagnostics, WEFT_SEVERITY_WARNING,
                                 pipeline->inputs[i].at, NULL, "no step takes input \"%s\"",
                                 pipeline->inputs[i].name);
        }
    }
}
