/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "sched/worker_parts.h"

static uint32_t slots_needed(const struct work *work)
{
    return work->task.step->needs.slots;
}

static uint64_t memory_needed(const struct work *work)
{
    return work->task.step->needs.memory_bytes;
}

static bool fits(const struct weft_worker *worker, const struct work *work)
{
    const struct weft_resources *has = &worker->resources;
    return slots_needed(work) <= has->slots - worker->slots_used &&
           (has->memory_bytes == 0 ||
            memory_needed(work) <= has->memory_bytes - worker->memory_used_bytes);
}

static void make_ready(struct weft_worker *worker, struct work *work)
{
    weft_machine_move(&work->machine, TASK_READY);
    weft_list_append(&worker->ready, &work->link);
    worker->ready_count++;
}

static void start(struct weft_worker *worker, struct work *work, uint64_t now_ns)
{
    weft_list_remove(&work->link);
    worker->ready_count--;
    weft_machine_move(&work->machine, TASK_RUNNING);
    weft_list_append(&worker->running, &work->link);
    worker->running_count++;
    worker->slots_used += slots_needed(work);
    worker->memory_used_bytes += memory_needed(work);
    work->started_ns = now_ns;
    worker->host.start(worker->host.context, &work->task);
}

/* First come, first served, but what does not fit lets the others pass: a free slot is never kept
 * from work. */
void start_ready(struct weft_worker *worker, uint64_t now_ns)
{
    struct weft_list *link = worker->ready.next;
    while (link != &worker->ready && worker->slots_used < worker->resources.slots) {
        struct work *work = weft_list_entry(link, struct work, link);
        link = link->next;
        if (fits(worker, work)) {
            start(worker, work, now_ns);
        }
    }
}

bool weft_worker_wastes(const struct weft_worker *worker)
{
    for (struct weft_list *link = worker->ready.next; link != &worker->ready; link = link->next) {
        if (fits(worker, weft_list_entry(link, struct work, link))) {
            return true;
        }
    }
    return false;
}

/* A second value for an input that has one: a streamed output that meets a step. */
static void refuse_second(struct weft_worker *worker, struct run *run, const struct work *work,
                          const struct weft_deliver *deliver, uint64_t now_ns)
{
    cleanup_error struct weft_error *error = NULL;
    (void)weft_error_set(
        &error, WEFT_FAILED_PRECONDITION,
        "step \"%s\" takes one value for each input, but its producer streams several",
        work->task.step->step_name);
    report_failed(worker, run->plan, run->request, work->task.step->step, deliver->attempt, error,
                  now_ns);
    run_drop(worker, run);
}

static bool accept_input(struct work *work, size_t input, const struct weft_deliver *deliver)
{
    /* A step on the gateway's own node sees the parts that are meant for the gateway. */
    if (work->task.inputs[input] != NULL || !deliver->last || deliver->part > 0) {
        return false;
    }
    work->task.inputs[input] = weft_value_ref(deliver->value);
    work->missing--;
    return true;
}

static bool accept_inputs(struct work *work, const struct weft_deliver *deliver)
{
    const struct weft_plan_task *step = work->task.step;
    for (size_t i = 0; i < step->inputs_count; i++) {
        const struct weft_plan_input *input = &step->inputs[i];
        if (input->constant == NULL && input->from_step == deliver->from_step &&
            input->from_output == deliver->from_output && !accept_input(work, i, deliver)) {
            return false;
        }
    }
    return true;
}

static void accept_end(struct work *work, uint32_t from_step)
{
    const struct weft_plan_task *step = work->task.step;
    for (size_t i = 0; i < step->after_count; i++) {
        if (step->after[i] == from_step && (work->after_seen & UINT64_C(1) << i) == 0) {
            work->after_seen |= UINT64_C(1) << i;
            work->missing--;
        }
    }
}

void run_accept(struct weft_worker *worker, struct run *run, const struct weft_deliver *deliver,
                uint64_t now_ns)
{
    for (size_t i = 0; i < run->plan->content.tasks_count; i++) {
        struct work *work = &run->works[i];
        size_t missing_before = work->missing;
        if (deliver->from_output == WEFT_OUTPUT_FINISHED) {
            accept_end(work, deliver->from_step);
        } else if (!accept_inputs(work, deliver)) {
            refuse_second(worker, run, work, deliver, now_ns);
            return;
        }
        if (missing_before > 0 && work->missing == 0) {
            make_ready(worker, work);
        }
    }
}

static void end(struct work *work)
{
    weft_machine_move(&work->machine, TASK_DONE);
    weft_assert(work->run->open > 0);
    work->run->open--;
}

/* Tasks that run are asked to stop; the run stays until they have ended. */
void run_drop(struct weft_worker *worker, struct run *run)
{
    run->dropped = true;
    for (size_t i = 0; i < run->plan->content.tasks_count; i++) {
        struct work *work = &run->works[i];
        if (work->machine.state == TASK_READY) {
            weft_list_remove(&work->link);
            worker->ready_count--;
            end(work);
        } else if (work->machine.state == TASK_WAITING) {
            end(work);
        } else if (work->machine.state == TASK_RUNNING) {
            weft_machine_move(&work->machine, TASK_STOPPING);
            worker->host.stop(worker->host.context, &work->task);
        }
    }
    run_settle(worker, run);
}

static struct weft_message *deliver_new(const struct work *work, uint32_t output,
                                        struct weft_value *value, uint64_t now_ns)
{
    const struct run *run = work->run;
    cleanup_message struct weft_message *message = weft_message_new(WEFT_MESSAGE_DELIVER);
    if (message == NULL) {
        return NULL;
    }
    struct weft_deliver *deliver = &message->deliver;
    deliver->request = run->request;
    deliver->plan = run->plan->key.plan;
    deliver->from_step = work->task.step->step;
    deliver->from_output = output;
    deliver->attempt = work->task.attempt;
    deliver->part = work->parts;
    deliver->last = true;
    deliver->timeout_ns = run->deadline_ns == WEFT_DEADLINE_NEVER_NS ? UINT64_MAX
                          : run->deadline_ns > now_ns                ? run->deadline_ns - now_ns
                                                                     : 0;
    deliver->trace = run->trace;
    deliver->value = weft_value_ref(value);
    deliver->id = run->id != NULL ? strdup(run->id) : NULL;
    if ((run->id != NULL && deliver->id == NULL) ||
        weft_parameters_merge(&deliver->parameters, &run->parameters, NULL) != WEFT_OK) {
        return NULL;
    }
    return steal(&message);
}

/* What a task sends to one node, and the line of the report about it. */
struct sending {
    struct weft_worker *worker;
    struct work *work;
    uint64_t now_ns;
    bool last;
    struct weft_report_transfer *transfers; /* room for every destination */
    size_t transfers_count;
    uint64_t bytes_out;
};

static void note_transfer(struct sending *sending, const struct weft_plan_destination *to,
                          uint32_t output, const struct weft_value *value,
                          const struct weft_send_outcome *outcome)
{
    uint64_t raw_bytes = value != NULL ? weft_value_size_bytes(value) : 0;
    sending->bytes_out += raw_bytes;
    if (sending->transfers == NULL || value == NULL) {
        return;
    }
    sending->transfers[sending->transfers_count++] = (struct weft_report_transfer){
        .output = output,
        .to_node = to->node,
        .raw_bytes = raw_bytes,
        .wire_bytes = outcome->wire_bytes,
        .copied_bytes = outcome->copied_bytes,
        .lane = outcome->lane,
        .codec = outcome->codec,
    };
}

static enum weft_status send_one(struct sending *sending, const struct weft_plan_destination *to,
                                 uint32_t output, struct weft_value *value,
                                 struct weft_error **error)
{
    struct weft_worker *worker = sending->worker;
    const struct weft_plan_node *node = &sending->work->task.plan->nodes[to->node];
    cleanup_message struct weft_message *message =
        deliver_new(sending->work, output, value, sending->now_ns);
    if (message == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    message->deliver.last = sending->last;
    struct weft_send_outcome outcome = {0};
    enum weft_status status =
        worker->host.send(worker->host.context, node, message, &outcome, error);
    if (status != WEFT_OK) {
        (void)weft_error_wrap(error, status,
                              "the output of step \"%s\" cannot be sent to node \"%s\"",
                              sending->work->task.step->step_name, node->name);
        weft_error_set_place(error, &(struct weft_error_place){.node = node->name});
        return status;
    }
    message = NULL;
    note_transfer(sending, to, output, value, &outcome);
    return WEFT_OK;
}

static enum weft_status send_output(struct sending *sending, uint32_t index,
                                    struct weft_value *value, struct weft_error **error)
{
    const struct weft_plan_task *step = sending->work->task.step;
    const struct weft_plan_output *output = &step->outputs[index];
    if (value == NULL) {
        return weft_error_set(error, WEFT_INTERNAL, "model \"%s\" did not give its output \"%s\"",
                              step->model, output->name);
    }
    for (size_t i = 0; i < output->destinations_count; i++) {
        enum weft_status status = send_one(sending, &output->destinations[i], index, value, error);
        if (status != WEFT_OK) {
            return status;
        }
    }
    return WEFT_OK;
}

static enum weft_status send_all(struct sending *sending, struct weft_value *const *outputs,
                                 struct weft_error **error)
{
    const struct weft_plan_task *step = sending->work->task.step;
    for (uint32_t i = 0; i < step->outputs_count; i++) {
        if (outputs[i] == NULL && sending->work->streamed[i]) {
            continue; /* its parts were all */
        }
        enum weft_status status = send_output(sending, i, outputs[i], error);
        if (status != WEFT_OK) {
            return status;
        }
    }
    for (size_t i = 0; i < step->finished_count; i++) {
        enum weft_status status =
            send_one(sending, &step->finished[i], WEFT_OUTPUT_FINISHED, NULL, error);
        if (status != WEFT_OK) {
            return status;
        }
    }
    return WEFT_OK;
}

static size_t destinations_of(const struct weft_plan_task *step)
{
    size_t count = 0;
    for (size_t i = 0; i < step->outputs_count; i++) {
        count += step->outputs[i].destinations_count;
    }
    return count;
}

static void fail(struct weft_worker *worker, struct work *work, struct weft_error *error,
                 uint64_t now_ns)
{
    report_failed(worker, work->run->plan, work->run->request, work->task.step->step,
                  work->task.attempt, error, now_ns);
}

/* Outputs first, they are on the critical path; then what the gateway wants to know. False if a
 * send failed. */
static bool hand_on(struct weft_worker *worker, struct work *work,
                    const struct weft_task_result *result, uint64_t now_ns)
{
    cleanup_error struct weft_error *error = NULL;
    size_t destinations_count = destinations_of(work->task.step);
    struct sending sending = {
        .worker = worker,
        .work = work,
        .now_ns = now_ns,
        .last = true,
        .transfers = malloc((destinations_count + 1) * sizeof(struct weft_report_transfer)),
    };
    enum weft_status status = send_all(&sending, result->outputs, &error);
    report_finished(worker, work, result, sending.transfers, sending.transfers_count,
                    sending.bytes_out + work->streamed_bytes, now_ns);
    if (status != WEFT_OK) {
        fail(worker, work, error, now_ns);
    }
    return status == WEFT_OK;
}

void weft_worker_finished(struct weft_worker *worker, struct weft_task *task,
                          const struct weft_task_result *result, uint64_t now_ns)
{
    struct work *work = (struct work *)task;
    struct run *run = work->run;
    weft_list_remove(&work->link);
    worker->running_count--;
    worker->slots_used -= slots_needed(work);
    worker->memory_used_bytes -= memory_needed(work);
    bool well = run->dropped;
    if (!run->dropped && result->error != NULL) {
        fail(worker, work, result->error, now_ns);
    } else if (!run->dropped) {
        well = hand_on(worker, work, result, now_ns);
    }
    end(work);
    if (well || run->dropped) {
        run_settle(worker, run);
    } else {
        run_drop(worker, run);
    }
    start_ready(worker, now_ns);
}

static enum weft_status check_streamable(const struct work *work, struct weft_error **error)
{
    const struct weft_plan_task *step = work->task.step;
    for (size_t i = 0; i < step->outputs_count; i++) {
        for (size_t to = 0; to < step->outputs[i].destinations_count; to++) {
            if (step->outputs[i].destinations[to].node != work->task.plan->gateway_node) {
                return weft_error_set(
                    error, WEFT_FAILED_PRECONDITION,
                    "step \"%s\" streams, but another step takes its output \"%s\" as one value",
                    step->step_name, step->outputs[i].name);
            }
        }
    }
    return WEFT_OK;
}

enum weft_status weft_worker_part(struct weft_worker *worker, struct weft_task *task,
                                  struct weft_value *const *outputs, uint64_t now_ns,
                                  struct weft_error **error)
{
    struct work *work = (struct work *)task;
    if (work->run->dropped) {
        return weft_error_set(error, WEFT_CANCELLED, "the request is over");
    }
    enum weft_status status = check_streamable(work, error);
    struct sending sending = {.worker = worker, .work = work, .now_ns = now_ns};
    for (uint32_t i = 0; status == WEFT_OK && i < task->step->outputs_count; i++) {
        if (outputs[i] != NULL) {
            status = send_output(&sending, i, outputs[i], error);
            work->streamed[i] = true;
        }
    }
    work->parts++;
    work->streamed_bytes += sending.bytes_out;
    return status;
}
