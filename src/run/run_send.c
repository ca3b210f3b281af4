/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "run/run_parts.h"

static struct node_session *find(const struct weft_run *run, const char *name)
{
    for (size_t i = 0; i < run->sessions_count; i++) {
        if (strcmp(weft_peer_name(run->sessions[i]->peer), name) == 0) {
            return run->sessions[i];
        }
    }
    return NULL;
}

static enum weft_status send_local(struct weft_run *run, struct weft_message *take_message,
                                   struct weft_error **error)
{
    struct local_message *local = malloc(sizeof(*local));
    if (local == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    local->message = take_message;
    weft_list_append(&run->local, &local->link);
    pump_soon(run);
    return WEFT_OK;
}

/* A node that a plan names and nobody has told us of before. */
static enum weft_status introduce(struct weft_run *run, const struct weft_plan_node *to,
                                  struct node_session **ret_node, struct weft_error **error)
{
    struct weft_peer *peer = NULL;
    enum weft_status status = weft_peers_add(run->peers, to->name, to->address, &peer, error);
    return status == WEFT_OK ? peer_session(run, peer, ret_node, error) : status;
}

enum weft_status send_to_node(void *context, const struct weft_plan_node *to,
                              struct weft_message *take_message,
                              struct weft_send_outcome *ret_outcome, struct weft_error **error)
{
    struct weft_run *run = context;
    *ret_outcome = (struct weft_send_outcome){.lane = WEFT_LANE_GRPC, .codec = WEFT_CODEC_IDENTITY};
    if (strcmp(to->name, run->name) == 0) {
        if (to->generation != run->options.generation) {
            return weft_error_set(error, WEFT_UNAVAILABLE, "node \"%s\" has been restarted",
                                  to->name);
        }
        ret_outcome->lane = WEFT_LANE_LOCAL;
        return send_local(run, take_message, error);
    }
    struct node_session *node = find(run, to->name);
    if (node == NULL) {
        enum weft_status status = introduce(run, to, &node, error);
        if (status != WEFT_OK) {
            return status;
        }
    }
    if (node->generation != 0 && node->generation != to->generation) {
        return weft_error_set(error, WEFT_UNAVAILABLE, "node \"%s\" has been restarted", to->name);
    }
    run->sent = (struct weft_peer_sent){0};
    uint64_t raw_bytes =
        take_message->kind == WEFT_MESSAGE_DELIVER && take_message->deliver.value != NULL
            ? weft_value_size_bytes(take_message->deliver.value)
            : 0;
    if (raw_bytes > WEFT_PEER_VALUE_MAX_BYTES) {
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED,
                              "a value of %" PRIu64 " bytes is larger than the %d that one message "
                              "between nodes carries",
                              raw_bytes, WEFT_PEER_VALUE_MAX_BYTES);
    }
    enum weft_status status = weft_session_send(node->session, take_message, run->now_ns, error);
    if (status == WEFT_OK) {
        metrics_edge(node, raw_bytes, run->sent.wire_bytes);
        ret_outcome->wire_bytes = run->sent.wire_bytes;
        ret_outcome->copied_bytes = run->sent.copied_bytes;
        pump_soon(run);
    }
    return status;
}
