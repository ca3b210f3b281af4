/* SPDX-License-Identifier: Apache-2.0 */
#include "link/peer.h"

#include <string.h>

#include "town.h"

/* Two nodes on one loop: "a" calls "b" at the town's door. */
struct node {
    struct weft_peers *peers;
    struct weft_peer *other;
    bool connected;
    int disconnected;
    uint64_t received_bytes;
    uint64_t awaited_bytes;
    bool complete;
    bool closed;
};

static void connected(void *context, struct weft_peer *peer)
{
    struct node *node = context;
    struct weft_envelope first = {.incarnation = 1};
    struct weft_peer_sent sent;
    node->other = peer;
    node->connected = true;
    /* As nodes do: whoever called hears only then that it has got through. */
    assert_ok(weft_peer_send(peer, &first, &sent, NULL), NULL);
}

static void envelope_came(void *context, struct weft_peer *peer, struct weft_envelope *envelope)
{
    (void)peer;
    struct node *node = context;
    if (envelope->message == NULL) {
        return;
    }
    node->received_bytes += weft_value_size_bytes(envelope->message->deliver.value);
    node->complete = node->received_bytes >= node->awaited_bytes;
}

static void disconnected(void *context, struct weft_peer *peer)
{
    (void)peer;
    ((struct node *)context)->disconnected++;
}

static void closed(void *context)
{
    ((struct node *)context)->closed = true;
}

struct pair {
    struct town town;
    struct node a, b;
};

static void pair_found(struct pair *pair, bool same_host_sockets)
{
    static const struct weft_peers_events events = {
        .connected = connected, .envelope = envelope_came, .disconnected = disconnected};
    *pair = (struct pair){0};
    pair->town.link_options.tcp.same_host_sockets = same_host_sockets;
    town_found(&pair->town);
    assert_ok(weft_peers_new(pair->town.link, "a", &events, &pair->a, &pair->a.peers, NULL), NULL);
    assert_ok(weft_peers_new(pair->town.link, "b", &events, &pair->b, &pair->b.peers, NULL), NULL);
    assert_ok(weft_peers_serve(pair->b.peers, pair->town.grpc, NULL), NULL);
    town_open(&pair->town);
}

/* Until both hear of each other. */
static void pair_meet(struct pair *pair)
{
    assert_ok(weft_peers_add(pair->a.peers, "b", pair->town.address, NULL, NULL), NULL);
    town_run_until(&pair->town, &pair->a.connected);
    town_run_until(&pair->town, &pair->b.connected);
}

static void pair_open_over(struct pair *pair, bool same_host_sockets)
{
    pair_found(pair, same_host_sockets);
    pair_meet(pair);
}

static void pair_open(struct pair *pair)
{
    pair_open_over(pair, false);
}

static void pair_close(struct pair *pair)
{
    weft_peers_close(pair->a.peers, closed, &pair->a);
    town_run_until(&pair->town, &pair->a.closed);
    town_shut(&pair->town, 0);
    weft_peers_close(pair->b.peers, closed, &pair->b);
    town_run_until(&pair->town, &pair->b.closed);
    town_raze(&pair->town);
}

static struct weft_message *deliver_new(size_t size_bytes)
{
    cleanup_slice struct weft_slice bytes = town_bytes(size_bytes, 1);
    struct weft_shape shape = {.rank = 1, .dims = {(int64_t)size_bytes}};
    struct weft_message *message = weft_message_new(WEFT_MESSAGE_DELIVER);
    assert_ok(weft_value_new_slice(WEFT_UINT8, &shape, &bytes, &message->deliver.value, NULL),
              NULL);
    return message;
}

/* The message so many times in one turn of the loop; it arrives each time, over one stream. */
static void send_all(struct pair *pair, struct node *from, struct node *to,
                     struct weft_message *message, unsigned times)
{
    to->awaited_bytes = to->received_bytes + times * weft_value_size_bytes(message->deliver.value);
    to->complete = false;
    for (unsigned i = 1; i <= times; i++) {
        struct weft_envelope envelope = {.incarnation = 1, .sequence = i, .message = message};
        struct weft_peer_sent sent;
        assert_ok(weft_peer_send(from->other, &envelope, &sent, NULL), NULL);
    }
    town_run_until(&pair->town, &to->complete);
    assert_int_equal(from->disconnected + to->disconnected, 0);
}

/* When a stream is new, all that was under way on the old one is sent again, in one turn. */
static void all_that_a_session_holds_goes_out_at_once(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair);
    struct weft_message *message = deliver_new(64 * 1024 * 1024);
    send_all(&pair, &pair.b, &pair.a, message, 10);
    weft_message_free(message);
    pair_close(&pair);
}

static void the_largest_value_arrives_on_either_way(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair);
    struct weft_message *message = deliver_new(WEFT_PEER_VALUE_MAX_BYTES);
    send_all(&pair, &pair.a, &pair.b, message, 1);
    send_all(&pair, &pair.b, &pair.a, message, 1);
    weft_message_free(message);
    pair_close(&pair);
}

/* Over the sockets of one host no system estimates it: asking alone has to measure. */
static void assert_round_trips(struct pair *pair)
{
    const struct node *nodes[] = {&pair->a, &pair->b};
    for (size_t i = 0; i < 2; i++) {
        uint64_t until_ns = weft_loop_now_ns() + 5000 * WEFT_NS_PER_MS;
        while (weft_peer_round_trip_ns(nodes[i]->other) == 0 && weft_loop_now_ns() < until_ns) {
            town_run_ms(&pair->town, 5);
        }
        uint64_t round_trip_ns = weft_peer_round_trip_ns(nodes[i]->other);
        assert_true(round_trip_ns > 0 && round_trip_ns < 5000 * WEFT_NS_PER_MS);
    }
}

static void the_round_trip_is_known_over_either_kind_of_socket(void **state)
{
    (void)state;
    for (int near = 0; near < 2; near++) {
        struct pair pair;
        pair_open_over(&pair, near == 1);
        assert_round_trips(&pair);
        assert_int_equal(pair.a.disconnected + pair.b.disconnected, 0);
        pair_close(&pair);
    }
}

static void a_node_is_called_where_it_was_last_said_to_be(void **state)
{
    (void)state;
    struct pair pair;
    pair_found(&pair, false);
    assert_ok(weft_peers_add(pair.a.peers, "b", "127.0.0.1:1", NULL, NULL), NULL);
    town_run_ms(&pair.town, 2 * WEFT_PEER_REOPEN_MS);
    assert_false(pair.a.connected); /* it calls in vain, and goes on to do so */
    pair_meet(&pair);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_a_session_holds_goes_out_at_once),
        cmocka_unit_test(the_largest_value_arrives_on_either_way),
        cmocka_unit_test(the_round_trip_is_known_over_either_kind_of_socket),
        cmocka_unit_test(a_node_is_called_where_it_was_last_said_to_be),
    };
    return cmocka_run_group_tests_name("peer", tests, NULL, NULL);
}
