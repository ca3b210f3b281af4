/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/assert.h"
#include "sched/worker_parts.h"

static const struct weft_plan_node *gateway_of(const struct plan *plan)
{
    return &plan->content.nodes[plan->content.gateway_node];
}

static struct weft_run_report report_of(struct weft_request_id request, const struct plan *plan,
                                        enum weft_report_kind kind, uint32_t step, uint32_t attempt)
{
    return (struct weft_run_report){
        .sequence = request.sequence,
        .plan = plan->key.plan,
        .report = {.kind = kind, .step = step, .attempt = attempt},
    };
}

/* A message to the plan's gateway with room for that many reports. */
static struct weft_message *message_new(const struct plan *plan, size_t count)
{
    weft_assert(count > 0);
    cleanup_message struct weft_message *message = weft_message_new(WEFT_MESSAGE_REPORT);
    if (message == NULL) {
        return NULL;
    }
    message->report.gateway = plan->key.gateway;
    message->report.reports = malloc(count * sizeof(*message->report.reports));
    return message->report.reports != NULL ? steal(&message) : NULL;
}

static void message_add(struct weft_message *message, const struct weft_run_report *take_said)
{
    message->report.reports[message->report.reports_count++] = *take_said;
}

/* Takes the message. False where it is worth trying again: what it said is then still the caller's.
 * With a boot of the gateway that is gone the reports go too, for nobody waits for them. */
static bool send_reports(struct weft_worker *worker, const struct plan *plan,
                         struct weft_message *message)
{
    struct weft_send_outcome outcome;
    enum weft_status status =
        worker->host.send(worker->host.context, gateway_of(plan), message, &outcome, NULL);
    if (status == WEFT_OK) {
        return true;
    }
    if (status != WEFT_UNAVAILABLE) {
        message->report.reports_count = 0;
    }
    weft_message_free(message);
    return status == WEFT_UNAVAILABLE;
}

/* Takes it where it succeeds. */
static bool send_now(struct weft_worker *worker, const struct plan *plan,
                     const struct weft_run_report *take_said)
{
    struct weft_message *message = message_new(plan, 1);
    if (message == NULL) {
        return false;
    }
    message_add(message, take_said);
    return send_reports(worker, plan, message);
}

/* --- those that wait --- */

/* Failures have room of their own, in number as in memory: without them a request would wait for
 * its deadline. */
static struct pending_report *pending_new(struct weft_worker *worker, bool failed)
{
    size_t limit = failed ? 2 * WEFT_WORKER_REPORTS_MAX : WEFT_WORKER_REPORTS_MAX;
    struct pending_report *pending =
        worker->reports_count < limit ? malloc(sizeof(*pending)) : NULL;
    for (size_t i = 0; pending == NULL && failed && i < WEFT_WORKER_SPARE_REPORTS; i++) {
        pending = worker->spare_reports[i].plan == NULL ? &worker->spare_reports[i] : NULL;
    }
    return pending;
}

static void pending_add(struct weft_worker *worker, struct plan *plan,
                        struct pending_report *pending, const struct weft_run_report *take_said,
                        uint64_t now_ns)
{
    *pending = (struct pending_report){.plan = plan, .said = *take_said};
    plan->runs++; /* keeps the plan until the report is out */
    weft_list_append(&worker->reports, &pending->link);
    worker->reports_count++;
    if (worker->reports_at_ns == WEFT_DEADLINE_NEVER_NS) {
        worker->reports_at_ns = now_ns + WEFT_WORKER_REPORT_AFTER_NS;
    }
}

static void pending_free(struct weft_worker *worker, struct pending_report *pending)
{
    struct plan *plan = pending->plan;
    bool spare = pending >= worker->spare_reports &&
                 pending < worker->spare_reports + WEFT_WORKER_SPARE_REPORTS;
    weft_list_remove(&pending->link);
    worker->reports_count--;
    weft_report_fini(&pending->said.report);
    pending->plan = NULL;
    if (!spare) {
        free(pending);
    }
    worker_plan_unuse(worker, plan);
}

/* Two boots may have the same generation, where a hostile one says so. */
static bool same_gateway(const struct plan *one, const struct plan *other)
{
    return one == other ||
           (one->key.gateway == other->key.gateway && plan_is_from(one, gateway_of(other)->name));
}

/* That one and those of the same gateway among the next: not among all, or many gateways would have
 * the list walked for each of them. */
static size_t gather(const struct weft_worker *worker, struct pending_report *first,
                     struct pending_report **ret_batch)
{
    size_t count = 0;
    struct weft_list *link = &first->link;
    for (size_t i = 0; i < WEFT_REPORTS_MAX && link != &worker->reports; i++) {
        struct pending_report *pending = weft_list_entry(link, struct pending_report, link);
        link = link->next;
        if (same_gateway(pending->plan, first->plan)) {
            ret_batch[count++] = pending;
        }
    }
    return count;
}

/* Sends the first and its company, without memory for all of them only some. What has gone is no
 * longer pending; false where that is nothing. */
static bool send_batch(struct weft_worker *worker, struct pending_report *first)
{
    struct pending_report *batch[WEFT_REPORTS_MAX];
    size_t count = gather(worker, first, batch);
    struct weft_message *message = message_new(first->plan, count);
    while (message == NULL && count > 1) {
        count /= 2;
        message = message_new(first->plan, count);
    }
    if (message == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        message_add(message, &batch[i]->said);
    }
    if (!send_reports(worker, first->plan, message)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        batch[i]->said.report = (struct weft_report){0}; /* the message's now */
        pending_free(worker, batch[i]);
    }
    return true;
}

/* The gateway's node takes no more just now: its reports keep their order, and those of others go
 * on. */
static void hold_back(struct weft_worker *worker, const struct plan *of)
{
    struct plan *plan, *next_plan;
    HASH_ITER (hh, worker->plans, plan, next_plan) {
        if (plan_is_from(plan, gateway_of(of)->name)) {
            plan->held_back_at = worker->flushes;
        }
    }
}

void reports_flush(struct weft_worker *worker, uint64_t now_ns)
{
    worker->flushes++;
    worker->reports_fresh = 0;
    struct weft_list *stays = &worker->reports; /* all up to this one */
    while (stays->next != &worker->reports) {
        struct pending_report *pending = weft_list_entry(stays->next, struct pending_report, link);
        struct plan *plan = pending->plan;
        if (plan->held_back_at == worker->flushes) {
            stays = stays->next;
        } else if (!send_batch(worker, pending)) {
            hold_back(worker, plan);
        }
    }
    worker->reports_at_ns = weft_list_is_empty(&worker->reports)
                                ? WEFT_DEADLINE_NEVER_NS
                                : now_ns + WEFT_WORKER_REPORT_AFTER_NS;
}

/* plan NULL: all of them. */
void reports_drop(struct weft_worker *worker, const struct plan *plan)
{
    struct weft_list *link = worker->reports.next;
    while (link != &worker->reports) {
        struct pending_report *pending = weft_list_entry(link, struct pending_report, link);
        link = link->next;
        if (plan == NULL || pending->plan == plan) {
            pending_free(worker, pending);
        }
    }
    if (weft_list_is_empty(&worker->reports)) {
        worker->reports_at_ns = WEFT_DEADLINE_NEVER_NS;
    }
}

/* --- what is told --- */

void report_started(struct weft_worker *worker, struct work *work)
{
    work->started_reported = true;
    struct weft_run_report said =
        report_of(work->run->request, work->run->plan, WEFT_REPORT_STARTED, work->task.step->step,
                  work->task.attempt);
    (void)send_now(worker, work->run->plan, &said); /* only for those who watch */
}

static bool has_streamed(const struct work *work)
{
    bool streamed = false;
    for (size_t i = 0; i < work->task.step->outputs_count; i++) {
        streamed = streamed || work->streamed[i];
    }
    return streamed;
}

/* No memory to say so. The outputs speak for themselves; the end of a stream does not. */
static void finished_untold(struct weft_worker *worker, struct work *work, uint64_t now_ns)
{
    if (has_streamed(work)) {
        cleanup_error struct weft_error *error = NULL;
        (void)weft_error_set_out_of_memory(&error);
        report_failed(worker, work->run->plan, work->run->request, work->task.step->step,
                      work->task.attempt, error, now_ns);
    }
}

/* There is no place to wait for it: it goes at once, or not at all. */
static void finished_alone(struct weft_worker *worker, struct work *work,
                           struct weft_run_report *take_said, uint64_t now_ns)
{
    if (send_now(worker, work->run->plan, take_said)) {
        return;
    }
    weft_report_fini(&take_said->report);
    if (worker->reports_count < WEFT_WORKER_REPORTS_MAX) { /* it was memory that lacked */
        finished_untold(worker, work, now_ns);
    }
}

void report_finished(struct weft_worker *worker, struct work *work,
                     const struct weft_task_result *result,
                     struct weft_report_transfer *take_transfers, size_t transfers_count,
                     uint64_t bytes_out, uint64_t now_ns)
{
    struct plan *plan = work->run->plan;
    struct weft_run_report said = report_of(work->run->request, plan, WEFT_REPORT_FINISHED,
                                            work->task.step->step, work->task.attempt);
    struct weft_report *report = &said.report;
    report->start_ns = result->start_ns;
    report->end_ns = result->end_ns;
    report->pid = result->pid;
    report->model_generation = result->model_generation;
    report->cache_hit = result->cache_hit;
    report->bytes_out = bytes_out;
    for (size_t i = 0; i < work->task.step->inputs_count; i++) {
        report->bytes_in += weft_value_size_bytes(work->task.inputs[i]);
    }
    report->transfers = take_transfers;
    report->transfers_count = transfers_count;
    struct pending_report *pending = pending_new(worker, false);
    if (pending == NULL) {
        finished_alone(worker, work, &said, now_ns);
        return;
    }
    pending_add(worker, plan, pending, &said, now_ns);
    /* Those that could not go before don't count: with them every further one would try all again.
     */
    if (++worker->reports_fresh >= WEFT_REPORTS_MAX) {
        reports_flush(worker, now_ns);
    }
}

/* At once: somebody waits for it. What stands in the way of that, the peer's full queue or a lack
 * of memory, passes. */
void report_failed(struct weft_worker *worker, struct plan *plan, struct weft_request_id request,
                   uint32_t step, uint32_t attempt, struct weft_error *error, uint64_t now_ns)
{
    struct weft_run_report said = report_of(request, plan, WEFT_REPORT_FAILED, step, attempt);
    said.report.error = weft_error_ref(error);
    if (send_now(worker, plan, &said)) {
        return;
    }
    struct pending_report *pending = pending_new(worker, true);
    if (pending == NULL) {
        weft_report_fini(&said.report); /* beyond the limit: the gateway's deadline ends it */
        return;
    }
    pending_add(worker, plan, pending, &said, now_ns);
}
