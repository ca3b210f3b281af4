/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "sched/worker_parts.h"

/* So many new reports go at once even before their time. Those that could not go before don't
 * count: with them every further report would try all again. */
enum { REPORTS_TOGETHER = 64 };

static const struct weft_plan_node *gateway_of(const struct plan *plan)
{
    return &plan->content.nodes[plan->content.gateway_node];
}

static struct weft_message *report_new(const struct plan *plan, struct weft_request_id request,
                                       enum weft_report_kind kind, uint32_t step, uint32_t attempt)
{
    struct weft_message *message = weft_message_new(WEFT_MESSAGE_REPORT);
    if (message != NULL) {
        message->report.request = request;
        message->report.plan = plan->key.plan;
        message->report.report.kind = kind;
        message->report.report.step = step;
        message->report.report.attempt = attempt;
    }
    return message;
}

/* False where it is worth trying again: the message is then still the caller's. With a boot of the
 * gateway that is gone the report goes too, for nobody waits for it. */
static bool send_report(struct weft_worker *worker, const struct plan *plan,
                        struct weft_message *take_message)
{
    struct weft_send_outcome outcome;
    enum weft_status status =
        worker->host.send(worker->host.context, gateway_of(plan), take_message, &outcome, NULL);
    if (status == WEFT_UNAVAILABLE) {
        weft_message_free(take_message);
    }
    return status == WEFT_OK || status == WEFT_UNAVAILABLE;
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
                        struct pending_report *pending, uint64_t now_ns)
{
    pending->plan = plan;
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
    weft_message_free(pending->message);
    weft_error_unref(pending->error);
    pending->plan = NULL;
    if (!spare) {
        free(pending);
    }
    worker_plan_unuse(worker, plan);
}

static struct weft_message *failed_new(const struct plan *plan, struct weft_request_id request,
                                       uint32_t step, uint32_t attempt, struct weft_error *error)
{
    struct weft_message *message = report_new(plan, request, WEFT_REPORT_FAILED, step, attempt);
    if (message != NULL) {
        message->report.report.error = weft_error_ref(error);
    }
    return message;
}

/* True when nothing of it is left to do. */
static bool pending_send(struct weft_worker *worker, struct pending_report *pending)
{
    if (pending->message == NULL) {
        pending->message = failed_new(pending->plan, pending->request, pending->step,
                                      pending->attempt, pending->error);
    }
    if (pending->message == NULL || !send_report(worker, pending->plan, pending->message)) {
        return false;
    }
    pending->message = NULL;
    return true;
}

/* The gateway takes no more just now: its reports keep their order, and those of others go on. */
static void hold_back(struct weft_worker *worker, uint64_t gateway)
{
    struct plan *plan, *next_plan;
    HASH_ITER (hh, worker->plans, plan, next_plan) {
        if (plan->key.gateway == gateway) {
            plan->held_back_at = worker->flushes;
        }
    }
}

void reports_flush(struct weft_worker *worker, uint64_t now_ns)
{
    worker->flushes++;
    worker->reports_fresh = 0;
    struct weft_list *link = worker->reports.next;
    while (link != &worker->reports) {
        struct pending_report *pending = weft_list_entry(link, struct pending_report, link);
        link = link->next;
        if (pending->plan->held_back_at == worker->flushes) {
            continue;
        }
        if (pending_send(worker, pending)) {
            pending_free(worker, pending);
        } else {
            hold_back(worker, pending->plan->key.gateway);
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

static void queue_report(struct weft_worker *worker, struct plan *plan,
                         struct weft_message *take_message, uint64_t now_ns)
{
    struct pending_report *pending = pending_new(worker, false);
    if (pending == NULL) {
        if (!send_report(worker, plan, take_message)) {
            weft_message_free(take_message); /* the gateway does not wait for it for long */
        }
        return;
    }
    *pending = (struct pending_report){.message = take_message};
    pending_add(worker, plan, pending, now_ns);
    if (++worker->reports_fresh >= REPORTS_TOGETHER) {
        reports_flush(worker, now_ns);
    }
}

/* --- what is told --- */

void report_started(struct weft_worker *worker, struct work *work)
{
    work->started_reported = true;
    struct weft_message *message =
        report_new(work->run->plan, work->run->request, WEFT_REPORT_STARTED, work->task.step->step,
                   work->task.attempt);
    if (message != NULL && !send_report(worker, work->run->plan, message)) {
        weft_message_free(message); /* only for those who watch */
    }
}

static void transfers_free(struct weft_report_transfer *transfers, size_t count)
{
    weft_report_fini(&(struct weft_report){.transfers = transfers, .transfers_count = count});
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

void report_finished(struct weft_worker *worker, struct work *work,
                     const struct weft_task_result *result,
                     struct weft_report_transfer *take_transfers, size_t transfers_count,
                     uint64_t bytes_out, uint64_t now_ns)
{
    struct weft_message *message =
        report_new(work->run->plan, work->run->request, WEFT_REPORT_FINISHED, work->task.step->step,
                   work->task.attempt);
    if (message == NULL) {
        transfers_free(take_transfers, transfers_count);
        finished_untold(worker, work, now_ns);
        return;
    }
    struct weft_report *report = &message->report.report;
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
    queue_report(worker, work->run->plan, message, now_ns);
}

/* At once: somebody waits for it. What stands in the way of that, the peer's full queue or a lack
 * of memory, passes. */
void report_failed(struct weft_worker *worker, struct plan *plan, struct weft_request_id request,
                   uint32_t step, uint32_t attempt, struct weft_error *error, uint64_t now_ns)
{
    struct weft_message *message = failed_new(plan, request, step, attempt, error);
    if (message != NULL && send_report(worker, plan, message)) {
        return;
    }
    struct pending_report *pending = pending_new(worker, true);
    if (pending == NULL) {
        weft_message_free(message); /* beyond the limit: the gateway's deadline ends the request */
        return;
    }
    *pending = (struct pending_report){.message = message,
                                       .request = request,
                                       .step = step,
                                       .attempt = attempt,
                                       .error = weft_error_ref(error)};
    pending_add(worker, plan, pending, now_ns);
}
