/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "run/run_parts.h"

/* The pause before a node is told of this one once more. */
#define HELLO_AGAIN_NS (10 * WEFT_NS_PER_MS)

/* --- what arrives --- */

void dispatch(struct weft_run *run, struct weft_message *message, const char *node)
{
    weft_gateway_message(run->gateway, message, node, run->now_ns);
    weft_worker_message(run->worker, message, node, run->now_ns);
    pump_soon(run);
}

static void node_lost(struct node_session *node)
{
    struct weft_run *run = node->run;
    uint64_t generation = node->generation;
    uint64_t now_ns = run->now_ns;
    const char *name = weft_peer_name(node->peer);
    node->generation = 0;
    run->cluster_version++;
    if (generation != 0) {
        weft_log(run->options.log, WEFT_LOG_WARNING, NULL, "node \"%s\" is gone", name);
    }
    weft_gateway_peer_lost(run->gateway, name, generation, now_ns);
    weft_worker_peer_lost(run->worker, name, generation, now_ns);
}

/* A boot of the future: it would fence off all that the node's real boots say. */
static void log_ahead(const struct node_session *node, const char *what, uint64_t ns)
{
    uint64_t ahead_ns = ns - wall_ns(node->run);
    weft_log(
        node->run->options.log, WEFT_LOG_WARNING, NULL,
        "node \"%s\" is not listened to: its %s is %" PRIu64
        " hours ahead of this node's clock, and 24 are allowed; one of the two clocks is wrong",
        weft_peer_name(node->peer), what, ahead_ns / (3600 * WEFT_NS_PER_S));
}

static void hello(struct node_session *node, const struct weft_node_info *info)
{
    struct weft_run *run = node->run;
    cleanup_error struct weft_error *error = NULL;
    if (info->name == NULL || strcmp(info->name, weft_peer_name(node->peer)) != 0) {
        weft_log(run->options.log, WEFT_LOG_WARNING, NULL,
                 "node \"%s\" says it is another, and is not listened to",
                 weft_peer_name(node->peer));
        return;
    }
    if (info->generation < node->generation) {
        return; /* of a boot that is over */
    }
    uint64_t latest_ns = 0;
    if (!__builtin_add_overflow(wall_ns(run), WEFT_SESSION_AHEAD_MAX_NS, &latest_ns) &&
        info->generation > latest_ns) {
        log_ahead(node, "generation", info->generation);
        return;
    }
    if (node->generation != 0 && info->generation != node->generation) {
        node_lost(node);
    }
    if (node->generation == 0) {
        weft_log(run->options.log, WEFT_LOG_INFO, NULL,
                 "node \"%s\" at %s is here, with %zu models", info->name,
                 info->address != NULL ? info->address : "an address of its own",
                 info->models_count);
    }
    node->generation = info->generation;
    run->cluster_version++;
    if (weft_gateway_node(run->gateway, info, &error) != WEFT_OK) {
        weft_log(run->options.log, WEFT_LOG_ERROR, NULL, "node \"%s\" cannot be used: %s",
                 info->name, weft_error_message(error));
    }
}

static void session_deliver(void *context, struct weft_message *take_message)
{
    struct node_session *node = context;
    if (take_message->kind == WEFT_MESSAGE_HELLO) {
        hello(node, &take_message->hello);
    } else {
        dispatch(node->run, take_message, weft_peer_name(node->peer));
    }
    weft_message_free(take_message);
}

static void session_undelivered(void *context, struct weft_message *take_message)
{
    struct node_session *node = context;
    uint64_t now_ns = node->run->now_ns;
    weft_gateway_undelivered(node->run->gateway, take_message, weft_peer_name(node->peer), now_ns);
    weft_worker_undelivered(node->run->worker, take_message, weft_peer_name(node->peer), now_ns);
    weft_message_free(take_message);
    pump_soon(node->run);
}

/* What it could not be told now it is told soon: without HELLO it knows nothing of this node. */
static void hello_later(struct node_session *node)
{
    if (node->hello_at_ns == WEFT_DEADLINE_NEVER_NS) {
        node->hello_at_ns = node->run->now_ns + HELLO_AGAIN_NS;
        pump_soon(node->run);
    }
}

static void say_hello(struct node_session *node)
{
    node->hello_at_ns = WEFT_DEADLINE_NEVER_NS;
    cleanup_message struct weft_message *message = weft_message_new(WEFT_MESSAGE_HELLO);
    struct weft_node_info shown = node->run->self;
    if (shown.models_count > WEFT_NODE_MODELS_MAX) {
        shown.models_count = WEFT_NODE_MODELS_MAX; /* run.c has put the newest first, and said so */
    }
    if (message == NULL || !weft_node_info_copy(&shown, &message->hello)) {
        hello_later(node);
    } else if (weft_session_send(node->session, message, node->run->now_ns, NULL) == WEFT_OK) {
        message = NULL;
    } else {
        hello_later(node);
    }
}

static void session_missed(void *context)
{
    hello_later(context);
}

static void session_lost(void *context)
{
    struct node_session *node = context;
    node_lost(node);
    if (weft_session_is_connected(node->session)) {
        say_hello(node);
    }
    pump_soon(node->run);
}

/* What breaks the protocol's limits would do so again each time: its number goes alone, so that the
 * other end does not wait for it. */
static bool send_number(struct node_session *node, const struct weft_envelope *envelope,
                        const struct weft_error *why)
{
    struct weft_envelope number = *envelope;
    struct weft_peer_sent sent = {0};
    number.message = NULL;
    weft_log(node->run->options.log, WEFT_LOG_ERROR, NULL, "node \"%s\" misses a message: %s",
             weft_peer_name(node->peer), weft_error_message(why));
    return weft_peer_send(node->peer, &number, &sent, NULL) != WEFT_OUT_OF_MEMORY;
}

static bool session_send(void *context, const struct weft_envelope *envelope)
{
    struct node_session *node = context;
    cleanup_error struct weft_error *error = NULL;
    struct weft_peer_sent sent = {0};
    enum weft_status status = weft_peer_send(node->peer, envelope, &sent, &error);
    if (status == WEFT_OK) {
        node->run->sent = sent;
    } else if (status == WEFT_INVALID_ARGUMENT) {
        return send_number(node, envelope, error);
    } else {
        /* The session keeps it and sends it again: soon, or on the next stream. */
        weft_log(node->run->options.log, WEFT_LOG_DEBUG, NULL, "%s", weft_error_message(error));
    }
    return status != WEFT_OUT_OF_MEMORY;
}

static bool session_busy(void *context)
{
    return weft_peer_queued_bytes(((struct node_session *)context)->peer) > 0;
}

static uint64_t session_wall_ns(void *context)
{
    return wall_ns(((struct node_session *)context)->run);
}

static void session_refused(void *context, uint64_t incarnation)
{
    log_ahead(context, "session", incarnation);
}

/* --- the streams --- */

enum weft_status peer_session(struct weft_run *run, struct weft_peer *peer,
                              struct node_session **ret_node, struct weft_error **error)
{
    *ret_node = weft_peer_data(peer);
    if (*ret_node != NULL) {
        return WEFT_OK;
    }
    struct node_session **sessions =
        realloc(run->sessions, (run->sessions_count + 1) * sizeof(struct node_session *));
    struct node_session *node = calloc(1, sizeof(*node));
    if (sessions != NULL) {
        run->sessions = sessions;
    }
    if (sessions == NULL || node == NULL) {
        free(node);
        return weft_error_set_out_of_memory(error);
    }
    struct weft_session_options options = WEFT_SESSION_OPTIONS_DEFAULT;
    struct weft_session_host host = {.send = session_send,
                                     .deliver = session_deliver,
                                     .lost = session_lost,
                                     .undelivered = session_undelivered,
                                     .busy = session_busy,
                                     .missed = session_missed,
                                     .wall_ns = session_wall_ns,
                                     .refused = session_refused,
                                     .context = node};
    node->run = run;
    node->peer = peer;
    node->hello_at_ns = WEFT_DEADLINE_NEVER_NS;
    node->session = weft_session_new(&options, &host, wall_ns(run));
    if (node->session == NULL) {
        free(node);
        return weft_error_set_out_of_memory(error);
    }
    sessions[run->sessions_count++] = node;
    weft_peer_set_data(peer, node);
    *ret_node = node;
    return WEFT_OK;
}

static void connected(void *context, struct weft_peer *peer)
{
    struct weft_run *run = context;
    cleanup_error struct weft_error *error = NULL;
    struct node_session *node = NULL;
    if (peer_session(run, peer, &node, &error) != WEFT_OK) {
        weft_log(run->options.log, WEFT_LOG_ERROR, NULL, "node \"%s\" cannot be used: %s",
                 weft_peer_name(peer), weft_error_message(error));
        return;
    }
    /* HELLO goes first, so that the other end knows who speaks. */
    weft_session_connected(node->session, come_in(run));
    say_hello(node);
    pump_soon(run);
}

static void disconnected(void *context, struct weft_peer *peer)
{
    struct weft_run *run = context;
    struct node_session *node = weft_peer_data(peer);
    if (node != NULL) {
        node->hello_at_ns = WEFT_DEADLINE_NEVER_NS; /* the next stream begins with it */
        weft_session_disconnected(node->session, come_in(run));
        pump_soon(run);
    }
}

static void envelope_came(void *context, struct weft_peer *peer, struct weft_envelope *envelope)
{
    struct weft_run *run = context;
    struct node_session *node = weft_peer_data(peer);
    if (node != NULL) {
        weft_session_received(node->session, envelope, come_in(run));
        pump_soon(run);
    }
}

static void envelope_missed(void *context, struct weft_peer *peer)
{
    struct weft_run *run = context;
    struct node_session *node = weft_peer_data(peer);
    if (node != NULL) {
        weft_session_missed(node->session, come_in(run));
        pump_soon(run);
    }
}

enum weft_status peers_start(struct weft_run *run, struct weft_error **error)
{
    static const struct weft_peers_events events = {connected, envelope_came, envelope_missed,
                                                    disconnected};
    return weft_peers_new(run->options.link, run->name, &events, run, &run->peers, error);
}

enum weft_status weft_run_serve(struct weft_run *run, struct weft_grpc_server *server,
                                struct weft_error **error)
{
    return weft_peers_serve(run->peers, server, error);
}

enum weft_status weft_run_add_node(struct weft_run *run, const char *name, const char *address,
                                   struct weft_error **error)
{
    struct weft_peer *peer = NULL;
    struct node_session *node = NULL;
    enum weft_status status = weft_peers_add_configured(run->peers, name, address, &peer, error);
    if (status == WEFT_OK) {
        status = peer_session(run, peer, &node, error);
    }
    if (status == WEFT_OK && node->address == NULL) {
        node->address = strdup(address);
        status = node->address != NULL ? WEFT_OK : weft_error_set_out_of_memory(error);
    }
    return status;
}

bool weft_run_is_whole(const struct weft_run *run)
{
    for (size_t i = 0; i < run->sessions_count; i++) {
        if (run->sessions[i]->address != NULL && run->sessions[i]->generation == 0) {
            return false;
        }
    }
    return true;
}

static void session_free(struct node_session *node)
{
    weft_session_free(node->session);
    free(node->address);
    free(node);
}

void peers_free(struct weft_run *run)
{
    for (size_t i = 0; i < run->sessions_count; i++) {
        session_free(run->sessions[i]);
    }
    free(run->sessions);
}

uint64_t peers_deadline_ns(const struct weft_run *run)
{
    uint64_t deadline_ns = WEFT_DEADLINE_NEVER_NS;
    for (size_t i = 0; i < run->sessions_count; i++) {
        const struct node_session *node = run->sessions[i];
        uint64_t at_ns = weft_session_deadline_ns(node->session);
        deadline_ns = at_ns < deadline_ns ? at_ns : deadline_ns;
        deadline_ns = node->hello_at_ns < deadline_ns ? node->hello_at_ns : deadline_ns;
    }
    return deadline_ns;
}

/* Nobody has told us of this node but itself, or a plan; it is away, and nothing of it is awaited.
 * Names are cheap: what is kept of each would fill the node. */
static bool is_forgettable(const struct node_session *node)
{
    return node->address == NULL && node->generation == 0 && !weft_peer_is_connected(node->peer) &&
           !weft_session_is_connected(node->session) && weft_session_queued(node->session) == 0 &&
           weft_session_deadline_ns(node->session) == WEFT_DEADLINE_NEVER_NS;
}

static void forget_strangers(struct weft_run *run)
{
    size_t kept = 0;
    for (size_t i = 0; i < run->sessions_count; i++) {
        struct node_session *node = run->sessions[i];
        if (run->closing || !is_forgettable(node)) {
            run->sessions[kept++] = node;
            continue;
        }
        metrics_forget(run, weft_peer_name(node->peer));
        weft_peers_drop(run->peers, node->peer);
        session_free(node);
    }
    run->sessions_count = kept;
}

/* Not behind what has not left yet: a peer that says it misses something all the time would have it
 * pile up. */
static void repeat_hello(struct node_session *node)
{
    if (session_busy(node)) {
        node->hello_at_ns = node->run->now_ns + HELLO_AGAIN_NS;
    } else {
        say_hello(node);
    }
}

void peers_tick(struct weft_run *run, uint64_t now_ns)
{
    for (size_t i = 0; i < run->sessions_count; i++) {
        struct node_session *node = run->sessions[i];
        if (now_ns >= weft_session_deadline_ns(node->session)) {
            weft_session_tick(node->session, now_ns);
        }
        if (now_ns >= node->hello_at_ns) {
            repeat_hello(node);
        }
    }
    forget_strangers(run);
}

void announce(struct weft_run *run)
{
    for (size_t i = 0; i < run->sessions_count; i++) {
        if (weft_session_is_connected(run->sessions[i]->session)) {
            say_hello(run->sessions[i]);
        }
    }
}
