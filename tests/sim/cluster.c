/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/cluster.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

/* Virtual delays. */
#define DELAY_MIN_NS (50 * WEFT_NS_PER_US)
#define DELAY_MAX_NS (3 * WEFT_NS_PER_MS)
#define RECONNECT_MAX_NS (300 * WEFT_NS_PER_MS)

static struct sim_wire *wire_of(struct sim_cluster *cluster, unsigned a, unsigned b)
{
    return a < b ? &cluster->wires[a][b] : &cluster->wires[b][a];
}

/* --- events --- */

struct simple_event {
    struct sim_event event; /* first */
    struct sim_node *node;
    struct sim_peer *peer;
    uint64_t boot;
    uint64_t epoch;
    struct weft_envelope envelope;
};

static void drop_simple(struct sim_event *event)
{
    struct simple_event *simple = (struct simple_event *)event;
    weft_message_free(simple->envelope.message);
    free(simple);
}

static struct simple_event *event_new(struct sim_node *node,
                                      void (*happen)(struct sim_event *event))
{
    struct simple_event *simple = calloc(1, sizeof(*simple));
    weft_assert(simple != NULL);
    simple->event.happen = happen;
    simple->event.drop = drop_simple;
    simple->node = node;
    simple->boot = node->generation;
    return simple;
}

/* --- a node's machines and its timer --- */

static uint64_t node_deadline_ns(const struct sim_node *node)
{
    uint64_t deadline_ns = weft_worker_deadline_ns(node->worker);
    uint64_t gateway_ns = weft_gateway_deadline_ns(node->gateway);
    deadline_ns = gateway_ns < deadline_ns ? gateway_ns : deadline_ns;
    for (unsigned i = 0; i < node->cluster->nodes_count; i++) {
        if (node->peers[i].session != NULL) {
            uint64_t at_ns = weft_session_deadline_ns(node->peers[i].session);
            deadline_ns = at_ns < deadline_ns ? at_ns : deadline_ns;
            at_ns = node->peers[i].hello_at_ns;
            deadline_ns = at_ns < deadline_ns ? at_ns : deadline_ns;
        }
    }
    return deadline_ns;
}

static void say_hello(struct sim_peer *peer);

static void timer_fired(struct sim_event *event)
{
    struct simple_event *simple = (struct simple_event *)event;
    struct sim_node *node = simple->node;
    if (!node->alive || node->generation != simple->boot) {
        return;
    }
    struct sim_world *world = node->cluster->world;
    node->timer_set = false;
    uint64_t now_ns = world->now_ns;
    bool blind =
        world->bug == SIM_BUG_IGNORED_DEADLINE && weft_gateway_deadline_ns(node->gateway) != 0;
    if (now_ns >= weft_gateway_deadline_ns(node->gateway) && !blind) {
        weft_gateway_tick(node->gateway, now_ns);
    }
    if (now_ns >= weft_worker_deadline_ns(node->worker)) {
        weft_worker_tick(node->worker, now_ns);
    }
    for (unsigned i = 0; i < node->cluster->nodes_count; i++) {
        struct weft_session *session = node->peers[i].session;
        if (session != NULL && now_ns >= weft_session_deadline_ns(session)) {
            weft_session_tick(session, now_ns);
        }
        if (session != NULL && now_ns >= node->peers[i].hello_at_ns) {
            say_hello(&node->peers[i]);
        }
    }
    sim_node_after(node);
}

void sim_node_after(struct sim_node *node)
{
    sim_check_always(node);
    struct sim_world *world = node->cluster->world;
    uint64_t deadline_ns = node_deadline_ns(node);
    if (deadline_ns == WEFT_DEADLINE_NEVER_NS ||
        (node->timer_set && node->timer_at_ns <= deadline_ns)) {
        return;
    }
    uint64_t after_ns = deadline_ns > world->now_ns ? deadline_ns - world->now_ns : 0;
    if (world->bug == SIM_BUG_IGNORED_DEADLINE && after_ns == 0) {
        after_ns = WEFT_NS_PER_MS; /* time must go on */
    }
    node->timer_set = true;
    node->timer_at_ns = world->now_ns + after_ns;
    /* A microsecond later, so that it is certainly due. */
    sim_schedule(world, &event_new(node, timer_fired)->event, after_ns + WEFT_NS_PER_US);
}

/* --- messages --- */

static void dispatch(struct sim_node *node, struct weft_message *message, const char *from)
{
    uint64_t now_ns = node->cluster->world->now_ns;
    sim_trace(node->cluster->world, "%s hears %s from %s", node->name,
              weft_message_kind_name(message->kind), from);
    if (message->kind == WEFT_MESSAGE_DELIVER) {
        sim_check_arrival(node, &message->deliver);
    }
    weft_gateway_message(node->gateway, message, from, now_ns);
    weft_worker_message(node->worker, message, from, now_ns);
}

static void lost_boot(struct sim_peer *peer)
{
    uint64_t generation = peer->generation;
    uint64_t now_ns = peer->node->cluster->world->now_ns;
    peer->generation = 0;
    weft_gateway_peer_lost(peer->node->gateway, peer->other->name, generation, now_ns);
    weft_worker_peer_lost(peer->node->worker, peer->other->name, generation, now_ns);
}

static void session_missed(void *context)
{
    struct sim_peer *peer = context;
    peer->hello_at_ns = peer->node->cluster->world->now_ns + WEFT_NS_PER_MS;
}

static void say_hello(struct sim_peer *peer)
{
    struct sim_node *node = peer->node;
    struct sim_cluster *cluster = node->cluster;
    struct weft_model_info models[SIM_MODELS_MAX];
    struct weft_node_info info = {.name = node->name,
                                  .generation = node->generation,
                                  .address = node->name,
                                  .resources = node->resources,
                                  .models = models};
    char *all_tags[] = {(char *)"t"};
    if (cluster->world->bug == SIM_BUG_SKIPPED_TAGS) {
        info.resources.tags = all_tags;
        info.resources.tags_count = 1;
    }
    for (unsigned i = 0; i < cluster->models_count; i++) {
        if (cluster->models[i].on_node[node->index]) {
            models[info.models_count++] =
                (struct weft_model_info){.name = cluster->models[i].name,
                                         .version = (char *)"1",
                                         .platform = (char *)"sim",
                                         .ready = true,
                                         .needs = cluster->models[i].needs};
        }
    }
    if (peer->other == node) {
        weft_assert(weft_gateway_node(node->gateway, &info, NULL) == WEFT_OK);
        return;
    }
    struct weft_message *message = weft_message_new(WEFT_MESSAGE_HELLO);
    weft_assert(message != NULL && weft_node_info_copy(&info, &message->hello));
    peer->hello_at_ns = WEFT_DEADLINE_NEVER_NS;
    if (weft_session_send(peer->session, message, cluster->world->now_ns, NULL) != WEFT_OK) {
        weft_message_free(message);
        session_missed(peer);
    }
}

static void session_deliver(void *context, struct weft_message *take_message)
{
    struct sim_peer *peer = context;
    if (take_message->kind == WEFT_MESSAGE_HELLO) {
        uint64_t generation = take_message->hello.generation;
        if (peer->generation != 0 && generation != peer->generation) {
            lost_boot(peer);
        }
        peer->generation = generation;
        weft_assert(weft_gateway_node(peer->node->gateway, &take_message->hello, NULL) == WEFT_OK);
    } else {
        dispatch(peer->node, take_message, peer->other->name);
    }
    weft_message_free(take_message);
}

static void session_lost(void *context)
{
    struct sim_peer *peer = context;
    sim_trace(peer->node->cluster->world, "%s gives %s up", peer->node->name, peer->other->name);
    lost_boot(peer);
    if (weft_session_is_connected(peer->session)) {
        say_hello(peer);
    }
}

static void session_undelivered(void *context, struct weft_message *take_message)
{
    struct sim_peer *peer = context;
    uint64_t now_ns = peer->node->cluster->world->now_ns;
    weft_gateway_undelivered(peer->node->gateway, take_message, peer->other->name, now_ns);
    weft_worker_undelivered(peer->node->worker, take_message, peer->other->name, now_ns);
    weft_message_free(take_message);
}

static void envelope_arrives(struct sim_event *event)
{
    struct simple_event *simple = (struct simple_event *)event;
    struct sim_node *node = simple->peer->node;
    struct sim_wire *wire = wire_of(node->cluster, node->index, simple->peer->other->index);
    if (!node->alive || simple->peer->session == NULL || !wire->up ||
        wire->epoch != simple->epoch) {
        return;
    }
    if (simple->envelope.message != NULL &&
        sim_chance(node->cluster->world, node->cluster->memory_percent)) {
        sim_trace(node->cluster->world, "%s has no memory to read", node->name);
        weft_session_missed(simple->peer->session, node->cluster->world->now_ns);
    } else {
        weft_session_received(simple->peer->session, &simple->envelope,
                              node->cluster->world->now_ns);
    }
    sim_node_after(node);
}

static void transmit(struct sim_peer *peer, const struct weft_envelope *envelope)
{
    struct sim_cluster *cluster = peer->node->cluster;
    struct sim_world *world = cluster->world;
    struct sim_wire *wire = wire_of(cluster, peer->node->index, peer->other->index);
    struct simple_event *simple = event_new(peer->other, envelope_arrives);
    simple->peer = &peer->other->peers[peer->node->index];
    simple->epoch = wire->epoch;
    simple->envelope = *envelope;
    if (world->bug == SIM_BUG_FORGED_ACK && envelope->acknowledged > 0) {
        simple->envelope.acknowledged += 3;
    }
    if (envelope->message != NULL) {
        simple->envelope.message = weft_message_copy(envelope->message);
        weft_assert(simple->envelope.message != NULL);
    }
    uint64_t delay_ns = sim_between(world, DELAY_MIN_NS, DELAY_MAX_NS);
    uint64_t *last = &wire->last_arrival_ns[peer->node->index < peer->other->index];
    if (!sim_chance(world, 10) && world->now_ns + delay_ns < *last) {
        delay_ns = *last - world->now_ns; /* mostly in order */
    }
    *last = world->now_ns + delay_ns > *last ? world->now_ns + delay_ns : *last;
    sim_schedule(world, &simple->event, delay_ns);
}

static bool session_send(void *context, const struct weft_envelope *envelope)
{
    struct sim_peer *peer = context;
    struct sim_world *world = peer->node->cluster->world;
    if (sim_chance(world, peer->node->cluster->memory_percent)) {
        sim_trace(world, "%s has no memory to send", peer->node->name);
        return false;
    }
    /* What is not numbered nobody would miss: a stream that cannot say HELLO breaks, as it does
     * where it loses the answer to what was not read for lack of memory. */
    const struct sim_cluster *cluster = peer->node->cluster;
    bool is_hello = envelope->sequence == 0 && envelope->message != NULL;
    bool is_answer = envelope->sequence == 0 && cluster->memory_percent > 0;
    if (sim_chance(world, cluster->loss_percent) && !is_hello && !is_answer && !envelope->again) {
        return true;
    }
    transmit(peer, envelope);
    if (sim_chance(world, peer->node->cluster->double_percent)) {
        transmit(peer, envelope);
    }
    return true;
}

/* A message to the node itself. */
static void local_arrives(struct sim_event *event)
{
    struct simple_event *simple = (struct simple_event *)event;
    if (simple->node->alive && simple->node->generation == simple->boot) {
        dispatch(simple->node, simple->envelope.message, simple->node->name);
        sim_node_after(simple->node);
    }
}

static struct sim_node *find_node(struct sim_cluster *cluster, const char *name)
{
    for (unsigned i = 0; i < cluster->nodes_count; i++) {
        if (strcmp(cluster->nodes[i].name, name) == 0) {
            return &cluster->nodes[i];
        }
    }
    return NULL;
}

/* Breaks what the run has planted; true = the message is gone. */
static bool plant(struct sim_node *node, const struct weft_plan_node *to,
                  struct weft_message *message);

static enum weft_status send_to(void *context, const struct weft_plan_node *to,
                                struct weft_message *take_message,
                                struct weft_send_outcome *ret_outcome, struct weft_error **error)
{
    struct sim_node *node = context;
    struct sim_node *other = find_node(node->cluster, to->name);
    *ret_outcome = (struct weft_send_outcome){.lane = WEFT_LANE_GRPC, .codec = WEFT_CODEC_IDENTITY};
    if (plant(node, to, take_message)) {
        weft_message_free(take_message);
        return WEFT_OK;
    }
    if (sim_chance(node->cluster->world, node->cluster->memory_percent) &&
        take_message->kind != WEFT_MESSAGE_CANCEL && take_message->kind != WEFT_MESSAGE_PREPARED) {
        return weft_error_set_out_of_memory(error);
    }
    if (other == node) {
        if (to->generation != node->generation) {
            return weft_error_set(error, WEFT_UNAVAILABLE, "another boot");
        }
        struct simple_event *simple = event_new(node, local_arrives);
        simple->envelope.message = take_message;
        sim_schedule(node->cluster->world, &simple->event, 0);
        return WEFT_OK;
    }
    struct sim_peer *peer = &node->peers[other->index];
    if (peer->generation != 0 && peer->generation != to->generation) {
        return weft_error_set(error, WEFT_UNAVAILABLE, "another boot");
    }
    return weft_session_send(peer->session, take_message, node->cluster->world->now_ns, error);
}

static void send_copy(struct sim_node *node, const struct weft_plan_node *to,
                      const struct weft_message *message)
{
    struct weft_message *copy = weft_message_copy(message);
    struct weft_send_outcome outcome;
    enum sim_bug bug = node->cluster->world->bug;
    node->cluster->world->bug = SIM_BUG_NONE;
    if (send_to(node, to, copy, &outcome, NULL) != WEFT_OK) {
        weft_message_free(copy);
    }
    node->cluster->world->bug = bug;
}

/* True where nothing else was said. */
static bool lose_failures(struct weft_run_reports *said)
{
    size_t kept = 0;
    for (size_t i = 0; i < said->reports_count; i++) {
        if (said->reports[i].report.kind == WEFT_REPORT_FAILED) {
            weft_report_fini(&said->reports[i].report);
        } else {
            said->reports[kept++] = said->reports[i];
        }
    }
    said->reports_count = kept;
    return kept == 0;
}

static bool plant(struct sim_node *node, const struct weft_plan_node *to,
                  struct weft_message *message)
{
    struct sim_world *world = node->cluster->world;
    bool deliver = message->kind == WEFT_MESSAGE_DELIVER;
    switch (world->bug) {
    case SIM_BUG_DOUBLE_SEND:
        if (deliver && sim_chance(world, 10)) {
            send_copy(node, to, message);
        }
        return false;
    case SIM_BUG_LOST_CANCEL:
        return message->kind == WEFT_MESSAGE_CANCEL;
    case SIM_BUG_WRONG_INPUT:
        if (deliver && message->deliver.value != NULL && message->deliver.from_output < 2 &&
            sim_chance(world, 20)) {
            message->deliver.from_output ^= 1;
        }
        return false;
    case SIM_BUG_EARLY_START:
        if (deliver && message->deliver.from_output != WEFT_OUTPUT_FINISHED &&
            sim_chance(world, 30)) {
            struct weft_message *forged = weft_message_copy(message);
            weft_value_unref(forged->deliver.value);
            forged->deliver.value = NULL;
            forged->deliver.from_output = WEFT_OUTPUT_FINISHED;
            forged->deliver.from_step = (uint32_t)sim_between(world, 0, SIM_STEPS_MAX - 1);
            send_copy(node, to, forged);
            weft_message_free(forged);
        }
        return false;
    case SIM_BUG_LOST_FAILURE:
        return message->kind == WEFT_MESSAGE_REPORT && lose_failures(&message->report);
    case SIM_BUG_LOST_PART:
        return deliver && !message->deliver.last && sim_chance(world, 20);
    case SIM_BUG_SILENT_EVICTION:
        return message->kind == WEFT_MESSAGE_PREPARED &&
               weft_error_status(message->prepared.error) == WEFT_UNAVAILABLE;
    default:
        return false;
    }
}

/* --- life, death and connections --- */

static void connect(struct sim_cluster *cluster, unsigned a, unsigned b)
{
    struct sim_wire *wire = wire_of(cluster, a, b);
    struct sim_node *nodes[] = {&cluster->nodes[a], &cluster->nodes[b]};
    if (wire->up || !nodes[0]->alive || !nodes[1]->alive) {
        return;
    }
    wire->up = true;
    wire->epoch++;
    sim_trace(cluster->world, "%s and %s connect", nodes[0]->name, nodes[1]->name);
    for (unsigned i = 0; i < 2; i++) {
        struct sim_peer *peer = &nodes[i]->peers[nodes[1 - i]->index];
        weft_session_connected(peer->session, cluster->world->now_ns);
        say_hello(peer);
        sim_node_after(nodes[i]);
    }
}

static void reconnects(struct sim_event *event)
{
    struct simple_event *simple = (struct simple_event *)event;
    connect(simple->node->cluster, simple->node->index, simple->peer->other->index);
}

static void schedule_connect(struct sim_cluster *cluster, unsigned a, unsigned b, uint64_t max_ns)
{
    struct simple_event *simple = event_new(&cluster->nodes[a], reconnects);
    simple->peer = &cluster->nodes[a].peers[b];
    sim_schedule(cluster->world, &simple->event, sim_between(cluster->world, DELAY_MIN_NS, max_ns));
}

static void cut(struct sim_cluster *cluster, unsigned a, unsigned b)
{
    struct sim_wire *wire = wire_of(cluster, a, b);
    if (!wire->up) {
        return;
    }
    wire->up = false;
    sim_trace(cluster->world, "%s and %s are cut", cluster->nodes[a].name, cluster->nodes[b].name);
    for (unsigned i = 0; i < 2; i++) {
        struct sim_node *node = &cluster->nodes[i == 0 ? a : b];
        if (node->alive) {
            weft_session_disconnected(node->peers[i == 0 ? b : a].session, cluster->world->now_ns);
            sim_node_after(node);
        }
    }
}

void sim_wire_break(struct sim_cluster *cluster, unsigned a, unsigned b)
{
    cut(cluster, a, b);
    /* Sometimes for longer than anybody waits. */
    uint64_t max_ns = sim_chance(cluster->world, 30) ? 2 * WEFT_NS_PER_S : RECONNECT_MAX_NS;
    schedule_connect(cluster, a, b, max_ns);
}

static void machines_free(struct sim_node *node)
{
    for (struct sim_task *task = node->tasks; task != NULL; task = task->next) {
        task->over = true;
    }
    /* A process that dies takes its tasks with it; the machines only want them to have ended. */
    node->alive = false;
    for (unsigned i = 0; i < node->cluster->requests_count; i++) {
        struct sim_request *request = &node->cluster->requests[i];
        if (request->gateway == node && request->boot == node->generation) {
            request->open = false;
        }
    }
    weft_gateway_free(node->gateway);
    weft_pipeline_free(node->pipeline);
    node->pipeline = NULL;
    weft_worker_stop(node->worker);
    struct sim_task *task = node->tasks;
    while (task != NULL) {
        struct sim_task *next = task->next;
        if (task->task != NULL) {
            cleanup_error struct weft_error *error = NULL;
            (void)weft_error_set(&error, WEFT_CANCELLED, "dead");
            struct weft_task *ended = task->task;
            task->task = NULL;
            weft_worker_finished(node->worker, ended, &(struct weft_task_result){.error = error},
                                 node->cluster->world->now_ns);
        }
        task = next;
    }
    node->tasks = NULL;
    weft_worker_free(node->worker);
    for (unsigned i = 0; i < node->cluster->nodes_count; i++) {
        weft_session_free(node->peers[i].session);
        node->peers[i].session = NULL;
        node->peers[i].generation = 0;
    }
    node->gateway = NULL;
    node->worker = NULL;
    node->slots_used = 0;
    node->memory_used = 0;
}

void sim_node_die(struct sim_node *node)
{
    sim_trace(node->cluster->world, "%s dies", node->name);
    node->alive = false;
    for (unsigned i = 0; i < node->cluster->nodes_count; i++) {
        if (i != node->index) {
            cut(node->cluster, node->index, i);
        }
    }
    machines_free(node);
}

static enum weft_status send_nowhere(void *context, const struct weft_plan_node *to,
                                     struct weft_message *take_message,
                                     struct weft_send_outcome *ret_outcome,
                                     struct weft_error **error)
{
    struct sim_node *node = context;
    if (!node->alive) { /* dying machines still talk; nobody listens */
        return weft_error_set(error, WEFT_UNAVAILABLE, "dead");
    }
    return send_to(context, to, take_message, ret_outcome, error);
}

void sim_node_boot(struct sim_node *node)
{
    struct sim_cluster *cluster = node->cluster;
    node->alive = true;
    node->generation = cluster->world->now_ns + node->index + 1;
    node->timer_set = false;
    struct weft_gateway_host gateway_host = sim_gateway_host;
    gateway_host.send = send_nowhere;
    gateway_host.context = node;
    struct weft_worker_host worker_host = {.plans_max = cluster->plans_max,
                                           .task_bytes = sizeof(struct sim_task *),
                                           .check = sim_task_check,
                                           .send = send_nowhere,
                                           .start = sim_task_start,
                                           .stop = sim_task_stop,
                                           .context = node};
    struct weft_resources told = node->resources;
    char *all_tags[] = {(char *)"t"};
    if (cluster->world->bug == SIM_BUG_SKIPPED_TAGS) {
        told.tags = all_tags;
        told.tags_count = 1;
    } else if (cluster->world->bug == SIM_BUG_TOO_MUCH_MEMORY && told.memory_bytes != 0) {
        told.memory_bytes *= 2;
    } else if (cluster->world->bug == SIM_BUG_IDLE_SLOT && told.slots > 1) {
        told.slots--;
    }
    node->gateway = weft_gateway_new(&gateway_host, node->name, node->generation);
    node->worker = weft_worker_new(&worker_host, &told);
    node->pipeline = sim_pipeline_new(cluster);
    node->forgotten = 0;
    node->released = 0;
    weft_assert(node->gateway != NULL && node->worker != NULL && node->pipeline != NULL);
    struct weft_session_options options = {.acknowledge_after_ns = 5 * WEFT_NS_PER_MS,
                                           .retransmit_after_ns = 30 * WEFT_NS_PER_MS,
                                           .retry_after_ns = 2 * WEFT_NS_PER_MS,
                                           .lost_after_ns = 500 * WEFT_NS_PER_MS};
    for (unsigned i = 0; i < cluster->nodes_count; i++) {
        struct sim_peer *peer = &node->peers[i];
        *peer = (struct sim_peer){
            .node = node, .other = &cluster->nodes[i], .hello_at_ns = WEFT_DEADLINE_NEVER_NS};
        if (i != node->index) {
            struct weft_session_host host = {.send = session_send,
                                             .deliver = session_deliver,
                                             .lost = session_lost,
                                             .undelivered = session_undelivered,
                                             .missed = session_missed,
                                             .context = peer};
            peer->session = weft_session_new(&options, &host, node->generation);
            schedule_connect(cluster, node->index, i, RECONNECT_MAX_NS);
        }
    }
    say_hello(&node->peers[node->index]);
    sim_trace(cluster->world, "%s boots", node->name);
}

void sim_cluster_start(struct sim_cluster *cluster)
{
    for (unsigned i = 0; i < cluster->nodes_count; i++) {
        struct sim_node *node = &cluster->nodes[i];
        node->cluster = cluster;
        node->index = i;
        snprintf(node->name, sizeof(node->name), "n%u", i);
    }
    for (unsigned i = 0; i < cluster->nodes_count; i++) {
        sim_node_boot(&cluster->nodes[i]);
    }
}

void sim_cluster_stop(struct sim_cluster *cluster)
{
    for (unsigned i = 0; i < cluster->nodes_count; i++) {
        if (cluster->nodes[i].alive) {
            machines_free(&cluster->nodes[i]);
        }
    }
    weft_pipeline_free(cluster->pipeline);
    free(cluster->pipeline_text);
}
