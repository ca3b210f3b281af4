/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "sched/gateway_parts.h"

void request_free(struct weft_gateway *gateway, struct open_request *open)
{
    weft_heap_remove(&gateway->timers, &open->timer);
    weft_list_remove(&open->waiting);
    weft_list_remove(&open->failing);
    for (size_t i = 0; i < open->inputs_count; i++) {
        weft_value_unref(open->inputs[i]);
    }
    for (size_t i = 0; i < open->outputs_count; i++) {
        weft_value_unref(open->outputs[i]);
    }
    weft_parameters_fini(&open->parameters);
    weft_error_unref(open->error);
    struct gateway_plan *plan = open->plan;
    if (weft_map_added(open)) {
        HASH_DEL(gateway->requests, open);
        gateway->requests_count--;
    }
    free(open);
    if (plan != NULL) {
        plan_unuse(gateway, plan);
    }
}

static struct cluster_node *node_of(struct weft_gateway *gateway, const struct open_request *open,
                                    uint32_t step)
{
    return &gateway->nodes[open->plan->placement[step]];
}

/* The node's backlog counts steps that are placed and not over. */
static void step_over(struct weft_gateway *gateway, struct open_request *open, uint32_t step,
                      enum step_state state)
{
    if (open->step_states[step] == STEP_OPEN || open->step_states[step] == STEP_STARTED) {
        struct cluster_node *node = node_of(gateway, open, step);
        node->open_tasks -= node->open_tasks > 0;
        open->steps_open--;
    }
    open->step_states[step] = (uint8_t)state;
}

void request_settle(struct weft_gateway *gateway, struct open_request *open)
{
    for (uint32_t step = 0; step < open->request.steps_count; step++) {
        if (open->step_states[step] == STEP_OPEN || open->step_states[step] == STEP_STARTED) {
            step_over(gateway, open, step, STEP_FAILED);
        }
    }
    gateway->host.settled(gateway->host.context, &open->request);
    request_free(gateway, open);
}

static uint64_t remaining_ns(const struct open_request *open, uint64_t now_ns)
{
    if (open->deadline_ns == WEFT_DEADLINE_NEVER_NS) {
        return UINT64_MAX;
    }
    return open->deadline_ns > now_ns ? open->deadline_ns - now_ns : 0;
}

static struct weft_message *deliver_new(const struct open_request *open, uint32_t output,
                                        struct weft_value *value, uint64_t now_ns)
{
    cleanup_message struct weft_message *message = weft_message_new(WEFT_MESSAGE_DELIVER);
    if (message == NULL) {
        return NULL;
    }
    struct weft_deliver *deliver = &message->deliver;
    deliver->request = open->request.request;
    deliver->plan = open->plan->number;
    deliver->from_step = WEFT_STEP_GATEWAY;
    deliver->from_output = output;
    deliver->attempt = 1;
    deliver->last = true;
    deliver->timeout_ns = remaining_ns(open, now_ns);
    deliver->trace = open->request.trace;
    deliver->id = open->id != NULL ? strdup(open->id) : NULL;
    deliver->value = weft_value_ref(value);
    if ((open->id != NULL && deliver->id == NULL) ||
        weft_parameters_merge(&deliver->parameters, &open->parameters, NULL) != WEFT_OK) {
        return NULL;
    }
    return steal(&message);
}

static enum weft_status send_to(struct weft_gateway *gateway, struct open_request *open,
                                uint32_t node_index, uint32_t output, struct weft_value *value,
                                uint64_t now_ns, struct weft_error **error)
{
    const struct weft_plan_node *node = &open->plan->nodes[node_index];
    cleanup_message struct weft_message *message = deliver_new(open, output, value, now_ns);
    if (message == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    struct weft_send_outcome outcome = {0};
    enum weft_status status =
        gateway->host.send(gateway->host.context, node, message, &outcome, error);
    if (status != WEFT_OK) {
        (void)weft_error_wrap(error, status, "node \"%s\" cannot be sent its inputs", node->name);
        weft_error_set_place(error, &(struct weft_error_place){.node = node->name});
        return status;
    }
    message = NULL;
    if (value != NULL && gateway->host.sent != NULL) {
        gateway->host.sent(gateway->host.context, &open->request, output, node->name,
                           weft_value_size_bytes(value), &outcome);
    }
    return WEFT_OK;
}

static enum weft_status send_inputs(struct weft_gateway *gateway, struct open_request *open,
                                    uint64_t now_ns, struct weft_error **error)
{
    const struct weft_compiled_plan *compiled = &open->plan->compiled;
    for (uint32_t input = 0; input < compiled->inputs_count; input++) {
        const struct weft_compiled_input *to = &compiled->inputs[input];
        for (size_t i = 0; open->inputs[input] != NULL && i < to->destinations_count; i++) {
            enum weft_status status = send_to(gateway, open, to->destinations[i].node, input,
                                              open->inputs[input], now_ns, error);
            if (status != WEFT_OK) {
                return status;
            }
        }
    }
    for (size_t i = 0; i < compiled->start_count; i++) {
        enum weft_status status =
            send_to(gateway, open, compiled->start[i], WEFT_OUTPUT_FINISHED, NULL, now_ns, error);
        if (status != WEFT_OK) {
            return status;
        }
    }
    return WEFT_OK;
}

/* Sends the inputs. What goes wrong ends the request at the next tick: this may be inside submit.
 */
void request_run(struct weft_gateway *gateway, struct open_request *open, uint64_t now_ns)
{
    weft_machine_move(&open->machine, REQUEST_RUNNING);
    cleanup_error struct weft_error *error = NULL;
    if (send_inputs(gateway, open, now_ns, &error) != WEFT_OK) {
        request_fail_later(gateway, open, error);
        return;
    }
    for (size_t i = 0; i < open->inputs_count; i++) {
        weft_value_unref(open->inputs[i]); /* who needs it has it */
        open->inputs[i] = NULL;
    }
}

void request_fail_later(struct weft_gateway *gateway, struct open_request *open,
                        struct weft_error *error)
{
    if (open->error == NULL) {
        open->error = weft_error_ref(error);
    }
    if (weft_list_is_empty(&open->failing)) {
        weft_list_append(&gateway->failing, &open->failing);
    }
}

/* Whether any step on this node of the plan may still run or hold something. */
static bool node_is_open(const struct open_request *open, uint32_t node_index)
{
    const struct weft_node_plan *part = &open->plan->compiled.plans[node_index];
    for (size_t i = 0; i < part->tasks_count; i++) {
        uint8_t state = open->step_states[part->tasks[i].step];
        if (state == STEP_OPEN || state == STEP_STARTED) {
            return true;
        }
    }
    return false;
}

static void send_cancels(struct weft_gateway *gateway, struct open_request *open,
                         enum weft_status reason)
{
    for (uint32_t node = 0; node < open->plan->nodes_count; node++) {
        if (!node_is_open(open, node)) {
            continue;
        }
        struct weft_message *message = weft_message_new(WEFT_MESSAGE_CANCEL);
        if (message == NULL) {
            continue; /* the node's own deadline remains */
        }
        message->cancel = (struct weft_cancel){open->request.request, open->plan->number, reason};
        struct weft_send_outcome outcome;
        if (gateway->host.send(gateway->host.context, &open->plan->nodes[node], message, &outcome,
                               NULL) != WEFT_OK) {
            weft_message_free(message);
        }
    }
}

static void arm_settling(struct weft_gateway *gateway, struct open_request *open, uint64_t now_ns)
{
    weft_heap_remove(&gateway->timers, &open->timer);
    /* Cannot fail: the heap had room for this item before. */
    weft_assert(weft_heap_add(&gateway->timers, &open->timer, now_ns + WEFT_GATEWAY_SETTLE_NS));
}

/* Ends the request: error NULL = with its outputs. It may be gone when this returns. */
void request_end(struct weft_gateway *gateway, struct open_request *open, struct weft_error *error,
                 uint64_t now_ns)
{
    bool ran = open->machine.state == REQUEST_RUNNING;
    weft_machine_move(&open->machine, REQUEST_ENDED);
    weft_list_remove(&open->waiting);
    weft_list_remove(&open->failing);
    if (error != NULL) {
        struct weft_error *placed = error;
        weft_error_set_place(&placed, &(struct weft_error_place){
                                          .pipeline = open->request.pipeline->name, .attempt = 1});
        if (ran) {
            send_cancels(gateway, open, weft_error_status(error));
        }
    }
    gateway->host.ended(gateway->host.context, &open->request, error,
                        error == NULL ? open->outputs : NULL);
    if (error != NULL || open->steps_open == 0) {
        request_settle(gateway, open);
    } else {
        arm_settling(gateway, open, now_ns);
    }
}

static void output_complete(struct open_request *open, uint32_t output)
{
    if (!open->output_done[output]) {
        open->output_done[output] = true;
        open->outputs_missing--;
    }
}

/* Whether that node runs the step; the gateway's own "step" is its inputs. */
static bool is_step_of(const struct weft_gateway *gateway, const struct open_request *open,
                       uint32_t step, const char *node)
{
    const char *owner = step == WEFT_STEP_GATEWAY          ? gateway->name
                        : step < open->request.steps_count ? open->request.step_nodes[step]
                                                           : NULL;
    return owner != NULL && strcmp(owner, node) == 0;
}

void request_deliver(struct weft_gateway *gateway, struct open_request *open,
                     const struct weft_deliver *deliver, const char *node, uint64_t now_ns)
{
    if (!is_step_of(gateway, open, deliver->from_step, node)) {
        return;
    }
    if (open->machine.state != REQUEST_RUNNING || deliver->value == NULL || deliver->attempt != 1) {
        return;
    }
    const struct weft_compiled_plan *compiled = &open->plan->compiled;
    for (uint32_t output = 0; output < compiled->outputs_count; output++) {
        const struct weft_compiled_output *from = &compiled->outputs[output];
        if (from->from_step != deliver->from_step || from->from_output != deliver->from_output ||
            open->output_done[output]) {
            continue;
        }
        if (!deliver->last || open->output_streamed[output]) {
            open->output_streamed[output] = true;
            if (gateway->host.part != NULL) {
                gateway->host.part(gateway->host.context, &open->request, output, deliver->value);
            }
        }
        weft_value_unref(open->outputs[output]);
        open->outputs[output] = weft_value_ref(deliver->value);
        if (deliver->last) {
            output_complete(open, output);
        }
    }
    if (open->outputs_missing == 0) {
        request_end(gateway, open, NULL, now_ns);
    }
}

/* A streaming step may finish without a last part: its outputs are then complete as they are. */
static void complete_streamed(struct open_request *open, uint32_t step)
{
    for (uint32_t output = 0; output < open->outputs_count; output++) {
        if (open->plan->compiled.outputs[output].from_step == step &&
            open->output_streamed[output]) {
            output_complete(open, output);
        }
    }
}

static void place_error(struct open_request *open, const struct weft_report *report,
                        struct weft_error **error)
{
    weft_error_set_place(error, &(struct weft_error_place){
                                    .pipeline = open->request.pipeline->name,
                                    .step = open->request.pipeline->steps[report->step].name,
                                    .node = open->request.step_nodes[report->step],
                                    .attempt = report->attempt,
                                });
}

/* The step did its part, and what it made could not be brought to another node: that node is to
 * blame, and the step that waits there. */
static void blame_receiver(const struct open_request *open, const struct weft_report *report,
                           const char *receiver, struct weft_error **error)
{
    const char *producer = open->request.pipeline->steps[report->step].name;
    const char *consumer = step_fed_on(open, report->step, receiver);
    const char *from = open->request.step_nodes[report->step];
    (void)weft_error_wrap(error, WEFT_UNKNOWN,
                          "step \"%s\" on node \"%s\" did not get the output of step \"%s\" "
                          "from node \"%s\"",
                          consumer, receiver, producer, from);
    weft_error_set_place(error, &(struct weft_error_place){
                                    .pipeline = open->request.pipeline->name,
                                    .step = consumer,
                                    .node = receiver,
                                    .attempt = report->attempt,
                                });
}

/* The node that an error of the step is about, where that is another one than the step's and a step
 * there waits for this one's output; NULL otherwise. */
static const char *other_node(const struct open_request *open, const struct weft_report *report)
{
    const char *node = weft_error_place(report->error).node;
    return node != NULL && strcmp(node, open->request.step_nodes[report->step]) != 0 &&
                   step_fed_on(open, report->step, node) != NULL
               ? node
               : NULL;
}

static void report_failure(struct weft_gateway *gateway, struct open_request *open,
                           const struct weft_report *report, uint64_t now_ns)
{
    step_over(gateway, open, report->step, STEP_FAILED);
    if (open->machine.state == REQUEST_ENDED) {
        return;
    }
    cleanup_error struct weft_error *error = weft_error_ref(report->error);
    const char *receiver = other_node(open, report);
    if (receiver != NULL) {
        blame_receiver(open, report, receiver, &error);
        request_end(gateway, open, error, now_ns);
        return;
    }
    (void)weft_error_wrap(&error, WEFT_UNKNOWN, "step \"%s\" failed on node \"%s\"",
                          open->request.pipeline->steps[report->step].name,
                          open->request.step_nodes[report->step]);
    if (error == NULL) {
        (void)weft_error_set(&error, WEFT_UNKNOWN,
                             "step \"%s\" failed on node \"%s\" without saying why",
                             open->request.pipeline->steps[report->step].name,
                             open->request.step_nodes[report->step]);
    }
    place_error(open, report, &error);
    request_end(gateway, open, error, now_ns);
}

void request_report(struct weft_gateway *gateway, struct open_request *open,
                    const struct weft_report *report, const char *node, uint64_t now_ns)
{
    uint32_t step = report->step;
    if (step >= open->request.steps_count || !is_step_of(gateway, open, step, node)) {
        return;
    }
    if (open->step_states[step] == STEP_FINISHED || open->step_states[step] == STEP_FAILED) {
        if (report->kind == WEFT_REPORT_FAILED && open->machine.state == REQUEST_RUNNING) {
            report_failure(gateway, open, report, now_ns); /* its output was lost on the way */
        }
        return;
    }
    if (gateway->host.reported != NULL) {
        gateway->host.reported(gateway->host.context, &open->request, report);
    }
    if (report->kind == WEFT_REPORT_FAILED) {
        report_failure(gateway, open, report, now_ns);
        return;
    }
    if (report->kind == WEFT_REPORT_STARTED) {
        open->step_states[step] = STEP_STARTED;
        return;
    }
    step_over(gateway, open, step, STEP_FINISHED);
    complete_streamed(open, step);
    if (open->machine.state == REQUEST_RUNNING && open->outputs_missing == 0) {
        request_end(gateway, open, NULL, now_ns);
    } else if (open->machine.state == REQUEST_ENDED && open->steps_open == 0) {
        request_settle(gateway, open);
    }
}
