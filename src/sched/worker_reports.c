/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "sched/worker_parts.h"

/* So many reports go at once even before their time. */
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

/* A report that cannot be sent is lost with the gateway that wanted it. */
static void send_report(struct weft_worker *worker, const struct plan *plan,
                        struct weft_message *take_message)
{
    struct weft_send_outcome outcome;
    if (worker->host.send(worker->host.context, gateway_of(plan), take_message, &outcome, NULL) !=
        WEFT_OK) {
        weft_message_free(take_message);
    }
}

static void pending_free(struct weft_worker *worker, struct pending_report *pending)
{
    weft_list_remove(&pending->link);
    worker->reports_count--;
    worker_plan_unuse(worker, pending->plan);
    free(pending);
}

void reports_flush(struct weft_worker *worker)
{
    worker->reports_at_ns = WEFT_DEADLINE_NEVER_NS;
    for (struct weft_list *link; (link = weft_list_first(&worker->reports)) != NULL;) {
        struct pending_report *pending = weft_list_entry(link, struct pending_report, link);
        send_report(worker, pending->plan, pending->message);
        pending_free(worker, pending);
    }
}

/* plan NULL: all of them. */
void reports_drop(struct weft_worker *worker, const struct plan *plan)
{
    struct weft_list *link = worker->reports.next;
    while (link != &worker->reports) {
        struct pending_report *pending = weft_list_entry(link, struct pending_report, link);
        link = link->next;
        if (plan == NULL || pending->plan == plan) {
            weft_message_free(pending->message);
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
    struct pending_report *pending = malloc(sizeof(*pending));
    if (pending == NULL) {
        send_report(worker, plan, take_message);
        return;
    }
    *pending = (struct pending_report){.message = take_message, .plan = plan};
    plan->runs++; /* keeps the plan until the report is out */
    weft_list_append(&worker->reports, &pending->link);
    worker->reports_count++;
    if (worker->reports_at_ns == WEFT_DEADLINE_NEVER_NS) {
        worker->reports_at_ns = now_ns + WEFT_WORKER_REPORT_AFTER_NS;
    } else if (worker->reports_count >= REPORTS_TOGETHER) {
        reports_flush(worker);
    }
}

void report_started(struct weft_worker *worker, struct work *work, uint64_t now_ns)
{
    (void)now_ns;
    work->started_reported = true;
    struct weft_message *message =
        report_new(work->run->plan, work->run->request, WEFT_REPORT_STARTED, work->task.step->step,
                   work->task.attempt);
    if (message != NULL) {
        send_report(worker, work->run->plan, message);
    }
}

static void transfers_free(struct weft_report_transfer *transfers, size_t count)
{
    weft_report_fini(&(struct weft_report){.transfers = transfers, .transfers_count = count});
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

/* At once: somebody waits for it. */
void report_failed(struct weft_worker *worker, struct plan *plan, struct weft_request_id request,
                   uint32_t step, uint32_t attempt, struct weft_error *error)
{
    struct weft_message *message = report_new(plan, request, WEFT_REPORT_FAILED, step, attempt);
    if (message == NULL) {
        return; /* the gateway's deadline ends the request */
    }
    message->report.report.error = weft_error_ref(error);
    send_report(worker, plan, message);
}
