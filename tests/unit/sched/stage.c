/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/sched/stage.h"

#include <stdlib.h>
#include <string.h>

void stage_init(struct stage *stage)
{
    *stage = (struct stage){.now_ns = WEFT_NS_PER_S};
}

unsigned stage_node(struct stage *stage, const char *name, uint32_t slots, uint64_t memory_bytes)
{
    struct stage_node *node = &stage->nodes[stage->nodes_count];
    node->stage = stage;
    node->info = (struct weft_node_info){.name = (char *)name,
                                         .generation = 100 + stage->nodes_count,
                                         .address = (char *)"nowhere:1",
                                         .resources = {slots, memory_bytes, NULL, 0},
                                         .models = node->models};
    return stage->nodes_count++;
}

struct weft_needs *stage_model(struct stage *stage, unsigned node, const char *name)
{
    struct weft_node_info *info = &stage->nodes[node].info;
    struct weft_model_info *model = &info->models[info->models_count++];
    *model = (struct weft_model_info){.name = (char *)name,
                                      .version = (char *)"1",
                                      .platform = (char *)"stage",
                                      .ready = true,
                                      .needs = {.slots = 1}};
    return &model->needs;
}

/* --- what the machines ask of their host --- */

static unsigned index_of(const struct stage_node *node)
{
    return (unsigned)(node - node->stage->nodes);
}

static enum weft_status host_send(void *context, const struct weft_plan_node *to,
                                  struct weft_message *take_message,
                                  struct weft_send_outcome *ret_outcome, struct weft_error **error)
{
    struct stage_node *from = context;
    struct stage *stage = from->stage;
    *ret_outcome = (struct weft_send_outcome){.lane = WEFT_LANE_GRPC, .codec = WEFT_CODEC_IDENTITY};
    for (unsigned i = 0; i < stage->nodes_count; i++) {
        if (strcmp(stage->nodes[i].info.name, to->name) != 0) {
            continue;
        }
        if (stage->nodes[i].gone || stage->nodes[i].info.generation != to->generation) {
            break;
        }
        if (stage->nodes[i].behind || stage->nodes[i].behind_for > 0) {
            stage->nodes[i].behind_for -= stage->nodes[i].behind_for > 0;
            stage->nodes[i].turned_away++;
            return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED, "too much waits for \"%s\"",
                                  to->name);
        }
        stage->nodes[i].behind = stage->nodes[i].takes_only == 1;
        stage->nodes[i].takes_only -= stage->nodes[i].takes_only > 0;
        struct stage_sent *sent = &stage->sent[stage->sent_count++];
        *sent = (struct stage_sent){.from = index_of(from), .to = i, .kind = take_message->kind};
        if (take_message->kind == WEFT_MESSAGE_DELIVER) {
            sent->from_step = take_message->deliver.from_step;
            sent->from_output = take_message->deliver.from_output;
            sent->bytes = take_message->deliver.value != NULL
                              ? weft_value_size_bytes(take_message->deliver.value)
                              : 0;
        }
        stage->post[stage->post_count++] = (struct stage_post){i, from->info.name, take_message};
        return WEFT_OK;
    }
    return weft_error_set(error, WEFT_UNAVAILABLE, "node \"%s\" is gone", to->name);
}

static void host_start(void *context, struct weft_task *task)
{
    struct stage_node *node = context;
    assert_true(node->stage->running_count < STAGE_TASKS_MAX);
    node->stage->running[node->stage->running_count++] =
        (struct stage_running){.node = index_of(node), .task = task};
}

static void host_stop(void *context, struct weft_task *task)
{
    struct stage *stage = ((struct stage_node *)context)->stage;
    for (size_t i = 0; i < stage->running_count; i++) {
        stage->running[i].stopped = stage->running[i].stopped || stage->running[i].task == task;
    }
}

static enum weft_status host_check(void *context, const struct weft_plan_task *task,
                                   struct weft_error **error)
{
    return ((struct stage_node *)context)->refuses
               ? weft_error_set(error, WEFT_NOT_FOUND, "no model \"%s\" here", task->model)
               : WEFT_OK;
}

static void host_part(void *context, struct weft_request *request, uint32_t output,
                      struct weft_value *value)
{
    (void)context;
    (void)output;
    assert_non_null(value);
    ((struct stage_call *)request->host_data)->parts++;
}

static void host_ended(void *context, struct weft_request *request, struct weft_error *error,
                       struct weft_value *const *outputs)
{
    (void)context;
    struct stage_call *call = request->host_data;
    call->ended++;
    call->status = weft_error_status(error);
    call->error = weft_error_ref(error);
    for (size_t i = 0; outputs != NULL && i < request->pipeline->outputs_count; i++) {
        call->outputs[i] = weft_value_ref(outputs[i]);
    }
}

static void host_reported(void *context, struct weft_request *request,
                          const struct weft_report *report)
{
    (void)context;
    struct stage_call *call = request->host_data;
    call->started += report->kind == WEFT_REPORT_STARTED;
    call->finished += report->kind == WEFT_REPORT_FINISHED;
    call->failed += report->kind == WEFT_REPORT_FAILED;
}

static void host_settled(void *context, struct weft_request *request)
{
    (void)context;
    struct stage_call *call = request->host_data;
    call->settled++;
    call->request = NULL;
}

static void host_released(void *context, const struct weft_pipeline *pipeline)
{
    (void)pipeline;
    ((struct stage_node *)context)->stage->released++;
}

/* --- life --- */

void stage_up(struct stage *stage)
{
    for (unsigned i = 0; i < stage->nodes_count; i++) {
        struct stage_node *node = &stage->nodes[i];
        struct weft_worker_host worker = {.plans_max = stage->plans_max,
                                          .task_bytes = 8,
                                          .check = host_check,
                                          .send = host_send,
                                          .start = host_start,
                                          .stop = host_stop,
                                          .context = node};
        struct weft_gateway_host gateway = {.send = host_send,
                                            .part = host_part,
                                            .ended = host_ended,
                                            .reported = host_reported,
                                            .settled = host_settled,
                                            .released = host_released,
                                            .context = node};
        node->worker = weft_worker_new(&worker, &node->info.resources);
        node->gateway = weft_gateway_new(&gateway, node->info.name, node->info.generation);
        for (unsigned other = 0; other < stage->nodes_count; other++) {
            assert_status(weft_gateway_node(node->gateway, &stage->nodes[other].info, NULL),
                          WEFT_OK);
        }
    }
}

void stage_pipeline(struct stage *stage, const char *yaml)
{
    cleanup_diagnostics struct weft_diagnostics diagnostics;
    weft_diagnostics_init(&diagnostics, "stage");
    struct weft_error *error = NULL;
    assert_ok(weft_pipeline_parse(yaml, strlen(yaml), &diagnostics, &stage->pipeline, &error),
              error);
}

void stage_fini(struct stage *stage)
{
    for (unsigned i = 0; i < stage->nodes_count; i++) {
        weft_worker_stop(stage->nodes[i].worker);
    }
    while (stage->running_count > 0) {
        struct stage_running last = stage->running[--stage->running_count];
        cleanup_error struct weft_error *error = NULL;
        (void)weft_error_set(&error, WEFT_CANCELLED, "the story is over");
        weft_worker_finished(stage->nodes[last.node].worker, last.task,
                             &(struct weft_task_result){.error = error}, stage->now_ns);
    }
    for (unsigned i = 0; i < stage->nodes_count; i++) {
        weft_gateway_free(stage->nodes[i].gateway);
        weft_worker_free(stage->nodes[i].worker);
    }
    for (size_t i = 0; i < stage->post_count; i++) {
        weft_message_free(stage->post[i].message);
    }
    weft_pipeline_free(stage->pipeline);
    weft_pipeline_free(stage->others[0]);
    weft_pipeline_free(stage->others[1]);
}

static struct weft_value *value_of(size_t size_bytes)
{
    struct weft_value *value = NULL;
    void *bytes = calloc(1, size_bytes + 1);
    assert_non_null(bytes);
    struct weft_shape shape = {.rank = 1, .dims = {(int64_t)size_bytes}};
    assert_status(weft_value_new(WEFT_UINT8, &shape, bytes, size_bytes, &value, NULL), WEFT_OK);
    free(bytes);
    return value;
}

enum weft_status stage_submit(struct stage *stage, struct stage_call *call, size_t size_bytes,
                              uint64_t timeout_ns, struct weft_error **error)
{
    struct weft_value *inputs[8] = {0};
    for (size_t i = 0; i < stage->pipeline->inputs_count; i++) {
        inputs[i] = value_of(size_bytes);
    }
    *call = (struct stage_call){0};
    struct weft_submission submission = {
        .pipeline = stage->pipeline, .inputs = inputs, .timeout_ns = timeout_ns, .host_data = call};
    enum weft_status status = weft_gateway_submit(stage->nodes[0].gateway, &submission,
                                                  stage->now_ns, &call->request, error);
    for (size_t i = 0; i < stage->pipeline->inputs_count; i++) {
        weft_value_unref(inputs[i]);
    }
    return status;
}

void stage_call_fini(struct stage_call *call)
{
    weft_error_unref(call->error);
    for (size_t i = 0; i < 4; i++) {
        weft_value_unref(call->outputs[i]);
    }
}

/* --- what happens --- */

void stage_carry(struct stage *stage)
{
    for (size_t turns = 0; stage->post_count > 0; turns++) {
        assert_true(turns < 100000);
        struct stage_post post = stage->post[0];
        stage->post_count--;
        memmove(stage->post, stage->post + 1, stage->post_count * sizeof(post));
        struct stage_node *node = &stage->nodes[post.to];
        if (!node->gone && !node->deaf) {
            weft_gateway_message(node->gateway, post.message, post.from, stage->now_ns);
            weft_worker_message(node->worker, post.message, post.from, stage->now_ns);
            assert_false(weft_worker_wastes(node->worker));
        }
        weft_message_free(post.message);
    }
}

static uint64_t next_deadline_ns(const struct stage *stage)
{
    uint64_t first_ns = UINT64_MAX;
    for (unsigned i = 0; i < stage->nodes_count; i++) {
        uint64_t gateway_ns = weft_gateway_deadline_ns(stage->nodes[i].gateway);
        uint64_t worker_ns = weft_worker_deadline_ns(stage->nodes[i].worker);
        first_ns = gateway_ns < first_ns ? gateway_ns : first_ns;
        first_ns = worker_ns < first_ns ? worker_ns : first_ns;
    }
    return first_ns;
}

void stage_wait(struct stage *stage, uint64_t ns)
{
    uint64_t until_ns = stage->now_ns + ns;
    stage_carry(stage);
    for (uint64_t at_ns; (at_ns = next_deadline_ns(stage)) <= until_ns;) {
        stage->now_ns = at_ns > stage->now_ns ? at_ns : stage->now_ns;
        for (unsigned i = 0; i < stage->nodes_count; i++) {
            weft_gateway_tick(stage->nodes[i].gateway, stage->now_ns);
            weft_worker_tick(stage->nodes[i].worker, stage->now_ns);
        }
        stage_carry(stage);
    }
    stage->now_ns = until_ns;
}

struct stage_running *stage_find(struct stage *stage, const char *step)
{
    for (size_t i = 0; i < stage->running_count; i++) {
        if (strcmp(stage->running[i].task->step->step_name, step) == 0) {
            return &stage->running[i];
        }
    }
    return NULL;
}

static void end(struct stage *stage, const char *step, const struct weft_task_result *result)
{
    struct stage_running *found = stage_find(stage, step);
    assert_non_null(found);
    struct stage_running running = *found;
    *found = stage->running[--stage->running_count];
    weft_worker_finished(stage->nodes[running.node].worker, running.task, result, stage->now_ns);
    assert_false(weft_worker_wastes(stage->nodes[running.node].worker));
}

void stage_finish(struct stage *stage, const char *step, size_t output_bytes)
{
    struct weft_value *outputs[8] = {0};
    size_t count = stage_find(stage, step)->task->step->outputs_count;
    for (size_t i = 0; output_bytes > 0 && i < count; i++) {
        outputs[i] = value_of(output_bytes);
    }
    end(stage, step, &(struct weft_task_result){.outputs = outputs, .start_ns = 1, .end_ns = 2});
    for (size_t i = 0; i < count; i++) {
        weft_value_unref(outputs[i]);
    }
    stage_carry(stage);
}

void stage_fail(struct stage *stage, const char *step, struct weft_error *take_error)
{
    end(stage, step, &(struct weft_task_result){.error = take_error});
    weft_error_unref(take_error);
    stage_carry(stage);
}

enum weft_status stage_part(struct stage *stage, const char *step, struct weft_error **error)
{
    struct stage_running *running = stage_find(stage, step);
    struct weft_value *outputs[8] = {0};
    for (size_t i = 0; i < running->task->step->outputs_count; i++) {
        outputs[i] = value_of(10);
    }
    enum weft_status status = weft_worker_part(stage->nodes[running->node].worker, running->task,
                                               outputs, stage->now_ns, error);
    for (size_t i = 0; i < 8; i++) {
        weft_value_unref(outputs[i]);
    }
    return status;
}

void stage_lose(struct stage *stage, unsigned node)
{
    stage->nodes[node].gone = true;
    for (unsigned i = 0; i < stage->nodes_count; i++) {
        if (i != node) {
            const struct weft_node_info *info = &stage->nodes[node].info;
            weft_gateway_peer_lost(stage->nodes[i].gateway, info->name, info->generation,
                                   stage->now_ns);
            weft_worker_peer_lost(stage->nodes[i].worker, info->name, info->generation,
                                  stage->now_ns);
        }
    }
    stage_carry(stage);
}

size_t stage_crossings(const struct stage *stage, unsigned from, unsigned to, uint64_t *ret_bytes)
{
    size_t count = 0;
    uint64_t bytes = 0;
    for (size_t i = 0; i < stage->sent_count; i++) {
        const struct stage_sent *sent = &stage->sent[i];
        if (sent->kind == WEFT_MESSAGE_DELIVER && sent->from_output != WEFT_OUTPUT_FINISHED &&
            sent->from != sent->to && (from == STAGE_ANY || sent->from == from) &&
            (to == STAGE_ANY || sent->to == to)) {
            count++;
            bytes += sent->bytes;
        }
    }
    if (ret_bytes != NULL) {
        *ret_bytes = bytes;
    }
    return count;
}

size_t stage_messages(const struct stage *stage, unsigned to, enum weft_message_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < stage->sent_count; i++) {
        count += stage->sent[i].kind == kind && (to == STAGE_ANY || stage->sent[i].to == to);
    }
    return count;
}
