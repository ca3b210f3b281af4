/* SPDX-License-Identifier: Apache-2.0 */
#include "base/message.h"

#include <stdlib.h>
#include <string.h>

#include "base/zeroed.h"

static bool copy_string(const char *from, char **ret_to)
{
    if (from == NULL) {
        *ret_to = NULL;
        return true;
    }
    *ret_to = strdup(from);
    return *ret_to != NULL;
}

/* Zeroed room for count elements; an empty list is NULL. */
static bool allocate(size_t count, size_t element_bytes, void *ret_items)
{
    void *items = NULL;
    if (count > 0) {
        items = calloc(count, element_bytes);
        if (items == NULL) {
            return false;
        }
    }
    memcpy(ret_items, &items, sizeof(items));
    return true;
}

static void strings_fini(char **strings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(strings[i]);
    }
    free(strings);
}

static bool copy_strings(char *const *from, size_t count, char ***ret_to, size_t *ret_count)
{
    if (!allocate(count, sizeof(char *), ret_to)) {
        return false;
    }
    *ret_count = count;
    for (size_t i = 0; i < count; i++) {
        if (!copy_string(from[i], &(*ret_to)[i])) {
            return false;
        }
    }
    return true;
}

void weft_needs_fini(struct weft_needs *needs)
{
    strings_fini(needs->tags, needs->tags_count);
    *needs = (struct weft_needs){0};
}

bool weft_needs_copy(const struct weft_needs *needs, struct weft_needs *ret_needs)
{
    struct weft_needs copy = {.slots = needs->slots, .memory_bytes = needs->memory_bytes};
    if (!copy_strings(needs->tags, needs->tags_count, &copy.tags, &copy.tags_count)) {
        weft_needs_fini(&copy);
        return false;
    }
    *ret_needs = copy;
    return true;
}

static void tensors_fini(struct weft_model_tensor *tensors, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(tensors[i].name);
    }
    free(tensors);
}

static bool copy_tensors(const struct weft_model_tensor *from, size_t count,
                         struct weft_model_tensor **ret_to, size_t *ret_count)
{
    if (!allocate(count, sizeof(*from), ret_to)) {
        return false;
    }
    *ret_count = count;
    for (size_t i = 0; i < count; i++) {
        (*ret_to)[i] = from[i];
        (*ret_to)[i].name = NULL;
        if (!copy_string(from[i].name, &(*ret_to)[i].name)) {
            return false;
        }
    }
    return true;
}

void weft_model_info_fini(struct weft_model_info *info)
{
    free(info->name);
    free(info->version);
    free(info->platform);
    weft_needs_fini(&info->needs);
    tensors_fini(info->inputs, info->inputs_count);
    tensors_fini(info->outputs, info->outputs_count);
    *info = (struct weft_model_info){0};
}

bool weft_model_info_copy(const struct weft_model_info *info, struct weft_model_info *ret_info)
{
    struct weft_model_info copy = {
        .generation = info->generation,
        .ready = info->ready,
        .deterministic = info->deterministic,
        .streaming = info->streaming,
    };
    if (!copy_string(info->name, &copy.name) || !copy_string(info->version, &copy.version) ||
        !copy_string(info->platform, &copy.platform) ||
        !weft_needs_copy(&info->needs, &copy.needs) ||
        !copy_tensors(info->inputs, info->inputs_count, &copy.inputs, &copy.inputs_count) ||
        !copy_tensors(info->outputs, info->outputs_count, &copy.outputs, &copy.outputs_count)) {
        weft_model_info_fini(&copy);
        return false;
    }
    *ret_info = copy;
    return true;
}

static void resources_fini(struct weft_resources *resources)
{
    strings_fini(resources->tags, resources->tags_count);
}

void weft_node_info_fini(struct weft_node_info *info)
{
    free(info->name);
    free(info->address);
    resources_fini(&info->resources);
    for (size_t i = 0; i < info->models_count; i++) {
        weft_model_info_fini(&info->models[i]);
    }
    free(info->models);
    *info = (struct weft_node_info){0};
}

bool weft_node_info_copy(const struct weft_node_info *info, struct weft_node_info *ret_info)
{
    struct weft_node_info copy = {
        .generation = info->generation,
        .resources = {.slots = info->resources.slots, .memory_bytes = info->resources.memory_bytes},
    };
    bool copied = copy_string(info->name, &copy.name) &&
                  copy_string(info->address, &copy.address) &&
                  copy_strings(info->resources.tags, info->resources.tags_count,
                               &copy.resources.tags, &copy.resources.tags_count) &&
                  allocate(info->models_count, sizeof(*info->models), &copy.models);
    for (size_t i = 0; copied && i < info->models_count; i++) {
        copied = weft_model_info_copy(&info->models[i], &copy.models[i]);
        copy.models_count = i + 1;
    }
    if (!copied) {
        weft_node_info_fini(&copy);
        return false;
    }
    *ret_info = copy;
    return true;
}

static void destinations_fini(struct weft_plan_destination *destinations, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(destinations[i].lane);
    }
    free(destinations);
}

static bool copy_destinations(const struct weft_plan_destination *from, size_t count,
                              struct weft_plan_destination **ret_to, size_t *ret_count)
{
    if (!allocate(count, sizeof(*from), ret_to)) {
        return false;
    }
    *ret_count = count;
    for (size_t i = 0; i < count; i++) {
        (*ret_to)[i] = from[i];
        (*ret_to)[i].lane = NULL;
        if (!copy_string(from[i].lane, &(*ret_to)[i].lane)) {
            return false;
        }
    }
    return true;
}

static void task_fini(struct weft_plan_task *task)
{
    free(task->step_name);
    free(task->model);
    free(task->model_version);
    weft_needs_fini(&task->needs);
    weft_parameters_fini(&task->parameters);
    for (size_t i = 0; i < task->inputs_count; i++) {
        free(task->inputs[i].name);
        weft_value_unref(task->inputs[i].constant);
    }
    free(task->inputs);
    for (size_t i = 0; i < task->outputs_count; i++) {
        free(task->outputs[i].name);
        destinations_fini(task->outputs[i].destinations, task->outputs[i].destinations_count);
    }
    free(task->outputs);
    destinations_fini(task->finished, task->finished_count);
    free(task->after);
}

static bool copy_task_inputs(const struct weft_plan_task *from, struct weft_plan_task *to)
{
    if (!allocate(from->inputs_count, sizeof(*from->inputs), &to->inputs)) {
        return false;
    }
    to->inputs_count = from->inputs_count;
    for (size_t i = 0; i < from->inputs_count; i++) {
        to->inputs[i] = from->inputs[i];
        to->inputs[i].name = NULL;
        weft_value_ref(to->inputs[i].constant);
        if (!copy_string(from->inputs[i].name, &to->inputs[i].name)) {
            return false;
        }
    }
    return true;
}

static bool copy_task_outputs(const struct weft_plan_task *from, struct weft_plan_task *to)
{
    if (!allocate(from->outputs_count, sizeof(*from->outputs), &to->outputs)) {
        return false;
    }
    to->outputs_count = from->outputs_count;
    for (size_t i = 0; i < from->outputs_count; i++) {
        if (!copy_string(from->outputs[i].name, &to->outputs[i].name) ||
            !copy_destinations(from->outputs[i].destinations, from->outputs[i].destinations_count,
                               &to->outputs[i].destinations, &to->outputs[i].destinations_count)) {
            return false;
        }
    }
    return true;
}

static bool copy_after(const struct weft_plan_task *from, struct weft_plan_task *to)
{
    if (!allocate(from->after_count, sizeof(*from->after), &to->after)) {
        return false;
    }
    to->after_count = from->after_count;
    if (from->after_count > 0) {
        memcpy(to->after, from->after, from->after_count * sizeof(*from->after));
    }
    return true;
}

/* On failure what was copied so far is in *to, for task_fini. */
static bool copy_task(const struct weft_plan_task *from, struct weft_plan_task *to)
{
    to->step = from->step;
    return copy_string(from->step_name, &to->step_name) && copy_string(from->model, &to->model) &&
           copy_string(from->model_version, &to->model_version) &&
           weft_needs_copy(&from->needs, &to->needs) &&
           weft_parameters_merge(&to->parameters, &from->parameters, NULL) == WEFT_OK &&
           copy_task_inputs(from, to) && copy_task_outputs(from, to) && copy_after(from, to) &&
           copy_destinations(from->finished, from->finished_count, &to->finished,
                             &to->finished_count);
}

static bool copy_plan_nodes(const struct weft_node_plan *from, struct weft_node_plan *to)
{
    if (!allocate(from->nodes_count, sizeof(*from->nodes), &to->nodes)) {
        return false;
    }
    to->nodes_count = from->nodes_count;
    for (size_t i = 0; i < from->nodes_count; i++) {
        to->nodes[i].generation = from->nodes[i].generation;
        if (!copy_string(from->nodes[i].name, &to->nodes[i].name) ||
            !copy_string(from->nodes[i].address, &to->nodes[i].address)) {
            return false;
        }
    }
    return true;
}

void weft_node_plan_fini(struct weft_node_plan *plan)
{
    free(plan->pipeline);
    free(plan->pipeline_version);
    for (size_t i = 0; i < plan->nodes_count; i++) {
        free(plan->nodes[i].name);
        free(plan->nodes[i].address);
    }
    free(plan->nodes);
    for (size_t i = 0; i < plan->tasks_count; i++) {
        task_fini(&plan->tasks[i]);
    }
    free(plan->tasks);
    *plan = (struct weft_node_plan){0};
}

uint64_t weft_node_plan_constants_bytes(const struct weft_node_plan *plan)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < plan->tasks_count; i++) {
        const struct weft_plan_task *task = &plan->tasks[i];
        for (size_t input = 0; input < task->inputs_count; input++) {
            const struct weft_value *constant = task->inputs[input].constant;
            bytes += constant != NULL ? weft_value_size_bytes(constant) : 0;
        }
    }
    return bytes;
}

bool weft_node_plan_copy(const struct weft_node_plan *plan, struct weft_node_plan *ret_plan)
{
    struct weft_node_plan copy = {
        .gateway = plan->gateway, .plan = plan->plan, .gateway_node = plan->gateway_node};
    bool copied = copy_string(plan->pipeline, &copy.pipeline) &&
                  copy_string(plan->pipeline_version, &copy.pipeline_version) &&
                  copy_plan_nodes(plan, &copy) &&
                  allocate(plan->tasks_count, sizeof(*plan->tasks), &copy.tasks);
    for (size_t i = 0; copied && i < plan->tasks_count; i++) {
        copy.tasks_count = i + 1;
        copied = copy_task(&plan->tasks[i], &copy.tasks[i]);
    }
    if (!copied) {
        weft_node_plan_fini(&copy);
        return false;
    }
    *ret_plan = copy;
    return true;
}

void weft_report_fini(struct weft_report *report)
{
    free(report->transfers);
    weft_error_unref(report->error);
    *report = (struct weft_report){0};
}

bool weft_report_copy(const struct weft_report *report, struct weft_report *ret_report)
{
    struct weft_report copy = *report;
    if (!allocate(report->transfers_count, sizeof(*report->transfers), &copy.transfers)) {
        return false;
    }
    for (size_t i = 0; i < report->transfers_count; i++) {
        copy.transfers[i] = report->transfers[i];
    }
    copy.error = weft_error_ref(report->error);
    *ret_report = copy;
    return true;
}

static void run_reports_fini(struct weft_run_reports *reports)
{
    for (size_t i = 0; i < reports->reports_count; i++) {
        weft_report_fini(&reports->reports[i].report);
    }
    free(reports->reports);
}

static bool copy_run_reports(const struct weft_run_reports *from, struct weft_run_reports *to)
{
    to->gateway = from->gateway;
    if (!allocate(from->reports_count, sizeof(*from->reports), &to->reports)) {
        return false;
    }
    for (size_t i = 0; i < from->reports_count; i++) {
        struct weft_run_report *report = &to->reports[i];
        report->sequence = from->reports[i].sequence;
        report->plan = from->reports[i].plan;
        if (!weft_report_copy(&from->reports[i].report, &report->report)) {
            return false;
        }
        to->reports_count++;
    }
    return true;
}

static void deliver_fini(struct weft_deliver *deliver)
{
    free(deliver->id);
    weft_parameters_fini(&deliver->parameters);
    weft_value_unref(deliver->value);
}

static bool copy_deliver(const struct weft_deliver *from, struct weft_deliver *to)
{
    *to = *from;
    to->id = NULL;
    to->parameters = (struct weft_parameters){0};
    weft_value_ref(to->value);
    return copy_string(from->id, &to->id) &&
           weft_parameters_merge(&to->parameters, &from->parameters, NULL) == WEFT_OK;
}

void weft_message_fini(struct weft_message *message)
{
    switch (message->kind) {
    case WEFT_MESSAGE_HELLO:
        weft_node_info_fini(&message->hello);
        break;
    case WEFT_MESSAGE_PREPARE:
        weft_node_plan_fini(&message->prepare);
        break;
    case WEFT_MESSAGE_PREPARED:
        weft_error_unref(message->prepared.error);
        break;
    case WEFT_MESSAGE_DELIVER:
        deliver_fini(&message->deliver);
        break;
    case WEFT_MESSAGE_REPORT:
        run_reports_fini(&message->report);
        break;
    case WEFT_MESSAGE_RELEASE:
    case WEFT_MESSAGE_CANCEL:
        break;
    }
    memset(message, 0, sizeof(*message));
}

struct weft_message *weft_message_new(enum weft_message_kind kind)
{
    struct weft_message *message = weft_zeroed(sizeof(*message));
    if (message != NULL) {
        message->kind = kind;
    }
    return message;
}

void weft_message_free(struct weft_message *message)
{
    if (message != NULL) {
        weft_message_fini(message);
        free(message);
    }
}

static bool copy_content(const struct weft_message *from, struct weft_message *to)
{
    switch (from->kind) {
    case WEFT_MESSAGE_HELLO:
        return weft_node_info_copy(&from->hello, &to->hello);
    case WEFT_MESSAGE_PREPARE:
        return weft_node_plan_copy(&from->prepare, &to->prepare);
    case WEFT_MESSAGE_PREPARED:
        to->prepared = from->prepared;
        weft_error_ref(to->prepared.error);
        return true;
    case WEFT_MESSAGE_RELEASE:
        to->release = from->release;
        return true;
    case WEFT_MESSAGE_DELIVER:
        return copy_deliver(&from->deliver, &to->deliver);
    case WEFT_MESSAGE_REPORT:
        return copy_run_reports(&from->report, &to->report);
    case WEFT_MESSAGE_CANCEL:
        to->cancel = from->cancel;
        return true;
    }
    return false;
}

struct weft_message *weft_message_copy(const struct weft_message *message)
{
    cleanup_message struct weft_message *copy = weft_message_new(message->kind);
    if (copy == NULL || !copy_content(message, copy)) {
        return NULL;
    }
    return steal(&copy);
}
