/* SPDX-License-Identifier: Apache-2.0 */
#include "sched/placement.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/zeroed.h"

/* In units of one step's duration. A transfer costs something, so that neighbours stay together
 * unless they can run at the same time. */
#define STEP_COST 1.0
#define TRANSFER_COST 0.1

static int compare_versions(const char *a, const char *b)
{
    unsigned long long a_number = strtoull(a, NULL, 10);
    unsigned long long b_number = strtoull(b, NULL, 10);
    return a_number < b_number ? -1 : a_number > b_number ? 1 : strcmp(a, b);
}

const struct weft_model_info *weft_node_find_model(const struct weft_node_info *info,
                                                   const char *name, const char *version)
{
    const struct weft_model_info *best = NULL;
    for (size_t i = 0; i < info->models_count; i++) {
        const struct weft_model_info *model = &info->models[i];
        if (model->ready && strcmp(model->name, name) == 0 &&
            (version == NULL || strcmp(model->version, version) == 0) &&
            (best == NULL || compare_versions(model->version, best->version) > 0)) {
            best = model;
        }
    }
    return best;
}

static const char *missing_tag(const struct weft_resources *resources,
                               const struct weft_needs *needs)
{
    for (size_t i = 0; i < needs->tags_count; i++) {
        bool found = false;
        for (size_t tag = 0; tag < resources->tags_count && !found; tag++) {
            found = strcmp(resources->tags[tag], needs->tags[i]) == 0;
        }
        if (!found) {
            return needs->tags[i];
        }
    }
    return NULL;
}

/* The words of a reason; text NULL = nobody reads it. */
static void say(char *text, size_t capacity, const char *format, ...) WEFT_PRINTF(3, 4);

static void say(char *text, size_t capacity, const char *format, ...)
{
    if (text != NULL) {
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(text, capacity, format, arguments);
        va_end(arguments);
    }
}

/* Why these needs cannot be met, in words; false if they can. */
static bool lacks(const struct weft_node_info *info, const struct weft_needs *needs, char *text,
                  size_t capacity)
{
    const struct weft_resources *has = &info->resources;
    const char *tag = missing_tag(has, needs);
    if (tag != NULL) {
        say(text, capacity, "node \"%s\" is not tagged \"%s\"", info->name, tag);
    } else if (needs->slots > has->slots) {
        say(text, capacity, "node \"%s\" has %u slots, %u are needed", info->name, has->slots,
            needs->slots);
    } else if (has->memory_bytes != 0 && needs->memory_bytes > has->memory_bytes) {
        say(text, capacity, "node \"%s\" has %" PRIu64 " bytes of memory, %" PRIu64 " are needed",
            info->name, has->memory_bytes, needs->memory_bytes);
    } else {
        return false;
    }
    return true;
}

static bool is_join(const struct weft_placement_step *step)
{
    return strncmp(step->model, "join/", strlen("join/")) == 0;
}

/* Why a step cannot run on a node, in words for the error; false if it can. The worst comes first:
 * a node without the model could not run the step whatever else it had. */
static bool stands_against(const struct weft_placement_step *step,
                           const struct weft_node_info *info, char *text, size_t capacity)
{
    if (step->node != NULL && strcmp(step->node, info->name) != 0) {
        say(text, capacity, "the pipeline wants it on node \"%s\"", step->node);
        return true;
    }
    if (is_join(step)) {
        return step->needs != NULL && lacks(info, step->needs, text, capacity);
    }
    const struct weft_model_info *model =
        weft_node_find_model(info, step->model, step->model_version);
    if (model == NULL) {
        say(text, capacity, "node \"%s\" has no such model ready", info->name);
        return true;
    }
    if (step->needs != NULL && lacks(info, step->needs, text, capacity)) {
        return true;
    }
    /* Memory is needed by both at once (sched/gateway adds them up for the node). */
    struct weft_needs both = model->needs;
    if (step->needs != NULL &&
        __builtin_add_overflow(both.memory_bytes, step->needs->memory_bytes, &both.memory_bytes)) {
        both.memory_bytes = UINT64_MAX;
    }
    return lacks(info, &both, text, capacity);
}

/* Behind the last of a chain. */
#define NOBODY UINT32_MAX

/* A placement under way. The steps placed on a node so far are a chain, from the last one on. */
struct placing {
    const struct weft_placement *what;
    double *finish; /* of each step placed so far */
    uint32_t *node_of;
    uint32_t *last;     /* on each node */
    uint32_t *previous; /* to each step, on its node */
};

static double inputs_at(const struct placing *placing, size_t index, uint32_t node)
{
    const struct weft_placement_step *step = &placing->what->steps[index];
    double ready =
        step->before_count == 0 && node != placing->what->gateway_node ? TRANSFER_COST : 0.0;
    for (size_t i = 0; i < step->before_count; i++) {
        uint32_t before = step->before[i];
        double arrives =
            placing->finish[before] + (placing->node_of[before] == node ? 0.0 : TRANSFER_COST);
        ready = arrives > ready ? arrives : ready;
    }
    return ready;
}

/* When a task whose inputs are there at `ready` gets a slot: work of other requests first, then
 * those of the steps placed before it that still run at that time. */
static double slot_at(const struct placing *placing, uint32_t node, double ready)
{
    const struct weft_placement_node *candidate = &placing->what->nodes[node];
    double slots =
        candidate->info->resources.slots > 0 ? (double)candidate->info->resources.slots : 1.0;
    double backlog = (double)candidate->open_tasks * STEP_COST / slots;
    double busy = 0.0;
    double first_free = 0.0;
    for (uint32_t i = placing->last[node]; i != NOBODY; i = placing->previous[i]) {
        if (placing->finish[i] > ready) {
            first_free =
                busy == 0.0 || placing->finish[i] < first_free ? placing->finish[i] : first_free;
            busy += 1.0;
        }
    }
    double start = busy < slots ? ready : first_free + (busy - slots) * STEP_COST / slots;
    return start + backlog;
}

static bool may_be_on(const struct weft_placement_step *step, const struct weft_node_info *info)
{
    return step->node == NULL || strcmp(step->node, info->name) == 0;
}

static bool has_model(const struct weft_placement_step *step, const struct weft_node_info *info)
{
    return is_join(step) || weft_node_find_model(info, step->model, step->model_version) != NULL;
}

/* The node that is worth naming: one that is here and lacks something, or else one that is gone and
 * could have run the step. Any other says nothing about where the trouble is. */
static void explain(const struct placing *placing, const struct weft_placement_step *step,
                    char *text, size_t capacity, const char **ret_node)
{
    const struct weft_node_info *gone = NULL;
    bool is_here = false;
    for (size_t i = 0; i < placing->what->nodes_count; i++) {
        const struct weft_placement_node *node = &placing->what->nodes[i];
        const struct weft_node_info *info = node->info != NULL ? node->info : node->gone;
        if (info == NULL || !may_be_on(step, info)) {
            continue;
        }
        is_here = is_here || node->info != NULL;
        if (!has_model(step, info)) {
            continue;
        }
        if (node->info != NULL) {
            (void)stands_against(step, info, text, capacity);
            *ret_node = info->name;
            return;
        }
        gone = info;
    }
    *ret_node = gone != NULL ? gone->name : step->node;
    if (gone != NULL) {
        say(text, capacity, "node \"%s\", which had it, is gone", gone->name);
    } else if (step->node != NULL && !is_here) {
        say(text, capacity, "the pipeline wants it on node \"%s\", which is not here", step->node);
    } else if (step->node != NULL) {
        say(text, capacity, "the pipeline wants it on node \"%s\", which has no such model ready",
            step->node);
    } else if (is_here) {
        say(text, capacity, "no node has that model ready");
    } else {
        say(text, capacity, "no node is up");
    }
}

static enum weft_status no_place(const struct placing *placing, size_t index,
                                 struct weft_error **error)
{
    const struct weft_placement_step *step = &placing->what->steps[index];
    char reason[512];
    const char *node = NULL;
    explain(placing, step, reason, sizeof(reason), &node);
    enum weft_status status =
        weft_error_set(error, WEFT_UNAVAILABLE, "no node can run step \"%s\" with model \"%s\": %s",
                       step->name, step->model, reason);
    weft_error_set_place(error, &(struct weft_error_place){.step = step->name, .node = node});
    return status;
}

static bool fits(const struct weft_placement *placement, size_t index, uint32_t node)
{
    if (placement->fits != NULL) {
        size_t word = index * weft_placement_fits_words(placement->nodes_count) + node / 64;
        return (placement->fits[word] >> node % 64 & 1U) != 0;
    }
    const struct weft_node_info *info = placement->nodes[node].info;
    return info != NULL && !stands_against(&placement->steps[index], info, NULL, 0);
}

static enum weft_status place_one(struct placing *placing, size_t index, struct weft_error **error)
{
    bool found = false;
    double best = 0.0;
    for (uint32_t node = 0; node < placing->what->nodes_count; node++) {
        if (!fits(placing->what, index, node)) {
            continue;
        }
        double finish = slot_at(placing, node, inputs_at(placing, index, node)) + STEP_COST;
        if (!found || finish < best) {
            found = true;
            best = finish;
            placing->node_of[index] = node;
        }
    }
    if (!found) {
        return no_place(placing, index, error);
    }
    placing->finish[index] = best;
    uint32_t *last = &placing->last[placing->node_of[index]];
    placing->previous[index] = *last;
    *last = (uint32_t)index;
    return WEFT_OK;
}

enum weft_status weft_place(const struct weft_placement *placement, uint32_t *ret_nodes,
                            struct weft_error **error)
{
    size_t finish_bytes = placement->steps_count * sizeof(double);
    size_t previous_bytes = placement->steps_count * sizeof(uint32_t);
    size_t last_bytes = placement->nodes_count * sizeof(uint32_t);
    cleanup_free char *block = malloc(weft_padded(finish_bytes) + weft_padded(previous_bytes) +
                                      weft_padded(last_bytes) + 1);
    if (block == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    char *rest = block;
    struct placing placing = {.what = placement, .node_of = ret_nodes};
    placing.finish = weft_take_part(&rest, finish_bytes);
    placing.previous = weft_take_part(&rest, previous_bytes);
    placing.last = weft_take_part(&rest, last_bytes);
    for (size_t i = 0; i < placement->nodes_count; i++) {
        placing.last[i] = NOBODY;
    }
    for (size_t i = 0; i < placement->steps_count; i++) {
        enum weft_status status = place_one(&placing, i, error);
        if (status != WEFT_OK) {
            return status;
        }
    }
    return WEFT_OK;
}

static bool is_same_text(const char *one, const char *other)
{
    return one == other || (one != NULL && other != NULL && strcmp(one, other) == 0);
}

static bool has_needs(const struct weft_placement_step *step)
{
    return step->needs != NULL && (step->needs->slots != 0 || step->needs->memory_bytes != 0 ||
                                   step->needs->tags_count != 0);
}

/* What fits one of them fits the other. Those with needs of their own are not worth comparing. */
static bool are_alike(const struct weft_placement_step *one,
                      const struct weft_placement_step *other)
{
    return !has_needs(one) && !has_needs(other) && strcmp(one->model, other->model) == 0 &&
           is_same_text(one->model_version, other->model_version) &&
           is_same_text(one->node, other->node);
}

/* So many steps before one are compared with it: a pipeline uses few models many times. */
enum { ALIKE_STEPS_MAX = 64 };

/* The nearest step before this one that is like it; itself if none is near. */
static size_t find_alike(const struct weft_placement *placement, size_t index)
{
    size_t end = index < ALIKE_STEPS_MAX ? 0 : index - ALIKE_STEPS_MAX;
    for (size_t i = index; i > end; i--) {
        if (are_alike(&placement->steps[i - 1], &placement->steps[index])) {
            return i - 1;
        }
    }
    return index;
}

void weft_placement_fits(const struct weft_placement *placement, uint64_t *ret_fits)
{
    struct weft_placement look = *placement;
    look.fits = NULL;
    size_t words = weft_placement_fits_words(look.nodes_count);
    memset(ret_fits, 0, look.steps_count * words * sizeof(*ret_fits));
    for (size_t i = 0; i < look.steps_count; i++) {
        size_t alike = find_alike(&look, i);
        if (alike != i) {
            memcpy(&ret_fits[i * words], &ret_fits[alike * words], words * sizeof(*ret_fits));
            continue;
        }
        for (uint32_t node = 0; node < look.nodes_count; node++) {
            ret_fits[i * words + node / 64] |= (uint64_t)fits(&look, i, node) << node % 64;
        }
    }
}
