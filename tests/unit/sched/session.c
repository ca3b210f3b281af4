/* SPDX-License-Identifier: Apache-2.0 */
#include "sched/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "support/story.h"

/* The incarnations of most stories are far in the past. */
#define WALL_NS (1000 * WEFT_NS_PER_S)

/* One end of a conversation: what it received, and what it put on the wire. */
struct end {
    struct weft_session *session;
    struct end *other;
    uint64_t delivered[4096];
    size_t delivered_count;
    size_t undelivered_count;
    size_t lost_count;
    size_t refused_count;
    size_t missed_count;
    bool without_memory; /* sending fails */
    bool busy;           /* what was sent has not left */
    uint64_t wall_ns;
    struct weft_envelope wire[4096];
    size_t wire_count;
};

static bool on_send(void *context, const struct weft_envelope *envelope)
{
    struct end *end = context;
    if (end->without_memory) {
        return false;
    }
    struct weft_envelope copy = *envelope;
    copy.message = envelope->message != NULL ? weft_message_copy(envelope->message) : NULL;
    end->wire[end->wire_count++] = copy;
    return true;
}

static bool on_busy(void *context)
{
    return ((struct end *)context)->busy;
}

static void on_missed(void *context)
{
    ((struct end *)context)->missed_count++;
}

static void on_deliver(void *context, struct weft_message *take_message)
{
    struct end *end = context;
    end->delivered[end->delivered_count++] = take_message->cancel.plan;
    weft_message_free(take_message);
}

static void on_lost(void *context)
{
    ((struct end *)context)->lost_count++;
}

static void on_undelivered(void *context, struct weft_message *take_message)
{
    ((struct end *)context)->undelivered_count++;
    weft_message_free(take_message);
}

static uint64_t on_wall(void *context)
{
    return ((struct end *)context)->wall_ns;
}

static void on_refused(void *context, uint64_t incarnation)
{
    (void)incarnation;
    ((struct end *)context)->refused_count++;
}

static void end_init(struct end *end, struct end *other, uint64_t incarnation)
{
    *end = (struct end){.other = other, .wall_ns = WALL_NS};
    struct weft_session_options options = WEFT_SESSION_OPTIONS_DEFAULT;
    struct weft_session_host host = {.send = on_send,
                                     .deliver = on_deliver,
                                     .lost = on_lost,
                                     .undelivered = on_undelivered,
                                     .busy = on_busy,
                                     .missed = on_missed,
                                     .wall_ns = on_wall,
                                     .refused = on_refused,
                                     .context = end};
    end->session = weft_session_new(&options, &host, incarnation);
}

static void end_fini(struct end *end)
{
    for (size_t i = 0; i < end->wire_count; i++) {
        weft_message_free(end->wire[i].message);
    }
    weft_session_free(end->session);
}

static void say(struct end *end, uint64_t word, uint64_t now_ns)
{
    struct weft_message *message = weft_message_new(WEFT_MESSAGE_CANCEL);
    message->cancel.plan = word;
    assert_int_equal(weft_session_send(end->session, message, now_ns, NULL), WEFT_OK);
}

/* Everything on the wire of `from` reaches the other end. */
static void carry(struct end *from, uint64_t now_ns)
{
    for (size_t i = 0; i < from->wire_count; i++) {
        weft_session_received(from->other->session, &from->wire[i], now_ns);
    }
    from->wire_count = 0;
}

static void cut(struct end *from)
{
    for (size_t i = 0; i < from->wire_count; i++) {
        weft_message_free(from->wire[i].message);
    }
    from->wire_count = 0;
}

static void connect_both(struct end *a, struct end *b, uint64_t now_ns)
{
    weft_session_connected(a->session, now_ns);
    weft_session_connected(b->session, now_ns);
}

static void disconnect_both(struct end *a, struct end *b, uint64_t now_ns)
{
    weft_session_disconnected(a->session, now_ns);
    weft_session_disconnected(b->session, now_ns);
    cut(a);
    cut(b);
}

static void what_was_lost_with_a_connection_is_sent_again_on_the_next(void **state)
{
    (void)state;
    static struct end a, b;
    end_init(&a, &b, 10);
    end_init(&b, &a, 20);
    connect_both(&a, &b, 0);
    say(&a, 1, 0);
    carry(&a, 0);
    say(&a, 2, 0);
    disconnect_both(&a, &b, 1);
    say(&a, 3, 2);
    connect_both(&a, &b, 3);
    carry(&a, 3);

    assert_int_equal(b.delivered_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(b.delivered[i], i + 1);
    }
    weft_session_tick(b.session, weft_session_deadline_ns(b.session));
    carry(&b, 4);
    assert_int_equal(weft_session_queued(a.session), 0);
    end_fini(&a);
    end_fini(&b);
}

static void a_message_that_comes_twice_is_delivered_once(void **state)
{
    (void)state;
    static struct end a, b;
    end_init(&a, &b, 10);
    end_init(&b, &a, 20);
    connect_both(&a, &b, 0);
    say(&a, 1, 0);
    struct weft_envelope twin = a.wire[0];
    twin.message = weft_message_copy(twin.message);
    carry(&a, 0);
    weft_session_received(b.session, &twin, 1);
    assert_int_equal(b.delivered_count, 1);
    end_fini(&a);
    end_fini(&b);
}

static void a_message_that_cannot_be_read_does_not_hold_up_the_next(void **state)
{
    (void)state;
    static struct end a, b;
    end_init(&a, &b, 10);
    end_init(&b, &a, 20);
    connect_both(&a, &b, 0);
    for (uint64_t i = 1; i <= 3; i++) {
        say(&a, i, 0);
    }
    weft_message_free(a.wire[1].message);
    a.wire[1].message = NULL;
    carry(&a, 0);
    assert_int_equal(b.delivered_count, 2);
    assert_int_equal(b.delivered[1], 3);

    weft_session_tick(b.session, weft_session_deadline_ns(b.session));
    carry(&b, 1);
    assert_int_equal(weft_session_queued(a.session), 0); /* it is not sent again either */
    end_fini(&a);
    end_fini(&b);
}

static void acknowledgements_travel_in_bulk(void **state)
{
    (void)state;
    static struct end a, b;
    end_init(&a, &b, 10);
    end_init(&b, &a, 20);
    connect_both(&a, &b, 0);
    for (uint64_t i = 0; i < 50; i++) {
        say(&a, i, 0);
    }
    carry(&a, 0);
    assert_int_equal(b.wire_count, 0);
    weft_session_tick(b.session, weft_session_deadline_ns(b.session));
    assert_int_equal(b.wire_count, 1);
    carry(&b, 1);
    assert_int_equal(weft_session_queued(a.session), 0);
    assert_true(weft_session_deadline_ns(a.session) == WEFT_DEADLINE_NEVER_NS);
    end_fini(&a);
    end_fini(&b);
}

static void tick(struct end *end)
{
    weft_session_tick(end->session, weft_session_deadline_ns(end->session));
}

static void on_a_live_stream_only_the_first_is_asked_about(void **state)
{
    (void)state;
    static struct end a, b;
    end_init(&a, &b, 10);
    end_init(&b, &a, 20);
    connect_both(&a, &b, 0);
    for (uint64_t i = 1; i <= 5; i++) {
        say(&a, i, 0);
    }
    struct weft_envelope late[5];
    memcpy(late, a.wire, sizeof(late)); /* the network is slow */
    a.wire_count = 0;
    a.busy = true;
    tick(&a);
    assert_int_equal(a.wire_count, 0); /* not even that while its own bytes wait */
    a.busy = false;
    tick(&a);
    assert_int_equal(a.wire_count, 1);
    assert_int_equal(a.wire[0].sequence, 1);
    for (size_t i = 0; i < 5; i++) {
        weft_session_received(b.session, &late[i], 1);
    }
    carry(&a, 1);
    assert_int_equal(b.delivered_count, 5);
    tick(&b);
    carry(&b, 2);
    assert_int_equal(weft_session_queued(a.session), 0);
    assert_int_equal(a.wire_count, 0);
    end_fini(&a);
    end_fini(&b);
}

static void what_the_peer_missed_is_sent_again_and_all_behind_it(void **state)
{
    (void)state;
    static struct end a, b;
    end_init(&a, &b, 10);
    end_init(&b, &a, 20);
    connect_both(&a, &b, 0);
    for (uint64_t i = 1; i <= 5; i++) {
        say(&a, i, 0);
    }
    weft_message_free(a.wire[1].message);
    memmove(&a.wire[1], &a.wire[2], 3 * sizeof(a.wire[0]));
    a.wire_count--;
    carry(&a, 0);
    assert_int_equal(b.delivered_count, 1);
    tick(&b);
    assert_int_equal(b.wire_count, 1); /* once, however many came behind */
    assert_true(b.wire[0].again);
    assert_int_equal(b.wire[0].acknowledged, 1);
    carry(&b, 1);
    say(&a, 6, 1);
    assert_int_equal(a.wire_count, 0); /* in a moment: a peer must not ask for it all the time */
    tick(&a);
    assert_int_equal(a.wire_count, 5);
    carry(&a, 2);
    assert_int_equal(b.delivered_count, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(b.delivered[i], i + 1);
    }
    end_fini(&a);
    end_fini(&b);
}

static void what_could_not_be_read_for_lack_of_memory_is_asked_for_again(void **state)
{
    (void)state;
    static struct end a, b;
    end_init(&a, &b, 10);
    end_init(&b, &a, 20);
    connect_both(&a, &b, 0);
    say(&a, 1, 0);
    cut(&a);
    weft_session_missed(b.session, 0);
    tick(&b);
    carry(&b, 1);
    assert_int_equal(a.missed_count, 1); /* it may have been a HELLO */
    tick(&a);
    carry(&a, 2);
    assert_int_equal(b.delivered_count, 1);
    end_fini(&a);
    end_fini(&b);
}

static void without_memory_to_send_it_is_tried_soon_and_in_order(void **state)
{
    (void)state;
    static struct end a, b;
    struct weft_session_options options = WEFT_SESSION_OPTIONS_DEFAULT;
    end_init(&a, &b, 10);
    end_init(&b, &a, 20);
    connect_both(&a, &b, 0);
    a.without_memory = true;
    say(&a, 1, 0);
    a.without_memory = false;
    say(&a, 2, 0); /* not past the first one */
    assert_int_equal(a.wire_count, 0);
    assert_true(weft_session_deadline_ns(a.session) <= options.retry_after_ns);
    tick(&a);
    assert_int_equal(a.wire_count, 2);
    carry(&a, 1);
    assert_int_equal(b.delivered_count, 2);
    b.without_memory = true;
    tick(&b); /* nor is an acknowledgement lost */
    b.without_memory = false;
    tick(&b);
    carry(&b, 2);
    assert_int_equal(weft_session_queued(a.session), 0);
    a.without_memory = true;
    struct weft_message *hello = weft_message_new(WEFT_MESSAGE_HELLO);
    assert_status(weft_session_send(a.session, hello, 3, NULL), WEFT_OUT_OF_MEMORY);
    weft_message_free(hello);
    end_fini(&a);
    end_fini(&b);
}

static void a_peer_that_stays_away_is_lost_and_nothing_of_before_counts(void **state)
{
    (void)state;
    static struct end a, b;
    end_init(&a, &b, 10);
    end_init(&b, &a, 20);
    connect_both(&a, &b, 0);
    say(&b, 1, 0);
    carry(&b, 0);
    say(&a, 1, 0);
    carry(&a, 0);
    say(&a, 2, 0);
    struct weft_envelope late = a.wire[0];
    late.message = weft_message_copy(late.message);
    disconnect_both(&a, &b, 1);
    weft_session_tick(a.session, weft_session_deadline_ns(a.session));
    assert_int_equal(a.lost_count, 1);
    assert_int_equal(a.undelivered_count, 2);

    connect_both(&a, &b, 5);
    say(&a, 3, 5);
    carry(&a, 5);
    assert_int_equal(b.lost_count, 1); /* the other end hears that it was given up */
    assert_int_equal(b.delivered_count, 2);
    assert_int_equal(b.delivered[1], 3);
    weft_session_received(b.session, &late, 6);
    assert_int_equal(b.delivered_count, 2);
    end_fini(&a);
    end_fini(&b);
}

/* The other end's answers were lost with the connection, so that a new end of it is no news. */
static void an_end_that_was_given_up_before_it_heard_anything_is_told_so(void **state)
{
    (void)state;
    static struct end a, b;
    end_init(&a, &b, 10);
    end_init(&b, &a, 20);
    connect_both(&a, &b, 0);
    say(&a, 1, 0);
    carry(&a, 0);
    disconnect_both(&a, &b, 1);
    tick(&b);
    assert_int_equal(b.lost_count, 1);

    connect_both(&a, &b, 5);
    carry(&a, 5);
    assert_int_equal(b.delivered_count, 1); /* the given-up end is none that is new */
    tick(&b);
    carry(&b, 6);
    assert_int_equal(a.lost_count, 1);
    assert_int_equal(a.undelivered_count, 1);
    say(&a, 2, 7);
    carry(&a, 7);
    assert_int_equal(b.delivered_count, 2);
    assert_int_equal(b.delivered[1], 2);
    end_fini(&a);
    end_fini(&b);
}

static void a_new_boot_replaces_the_old_one(void **state)
{
    (void)state;
    static struct end a, b, b_again;
    end_init(&a, &b, 10);
    end_init(&b, &a, 20);
    connect_both(&a, &b, 0);
    say(&b, 1, 0);
    carry(&b, 0);
    say(&a, 2, 0);
    disconnect_both(&a, &b, 1);
    end_init(&b_again, &a, 30);
    a.other = &b_again;
    connect_both(&a, &b_again, 2);
    carry(&a, 2); /* for the boot that is gone: not delivered to the new one */
    assert_int_equal(b_again.delivered_count, 0);
    weft_session_tick(b_again.session, weft_session_deadline_ns(b_again.session));
    carry(&b_again, 3);
    assert_int_equal(a.lost_count, 1);
    assert_int_equal(a.undelivered_count, 1);
    say(&a, 3, 3);
    carry(&a, 3);
    assert_int_equal(b_again.delivered_count, 1);
    assert_int_equal(b_again.delivered[0], 3);
    end_fini(&a);
    end_fini(&b);
    end_fini(&b_again);
}

static void an_end_of_the_far_future_does_not_shut_the_real_one_out(void **state)
{
    (void)state;
    static struct end a, b, forged;
    uint64_t latest = WALL_NS + WEFT_SESSION_AHEAD_MAX_NS;
    end_init(&a, &b, 10);
    end_init(&b, &a, 20);
    end_init(&forged, &a, latest + 1);
    weft_session_connected(forged.session, 0);
    weft_session_connected(a.session, 0);
    say(&forged, 1, 0);
    say(&forged, 2, 0);
    carry(&forged, 0);
    assert_int_equal(a.delivered_count, 0);
    assert_int_equal(a.refused_count, 1); /* told once a connection */
    weft_session_disconnected(a.session, 0);
    connect_both(&a, &b, 0);
    say(&b, 3, 0);
    carry(&b, 0);
    assert_int_equal(a.delivered_count, 1);
    assert_int_equal(a.delivered[0], 3);
    assert_int_equal(a.lost_count, 0);
    end_fini(&a);
    end_fini(&b);
    end_fini(&forged);
}

static void an_end_whose_clock_is_a_day_ahead_is_heard(void **state)
{
    (void)state;
    static struct end a, b;
    end_init(&a, &b, 10);
    end_init(&b, &a, WALL_NS + WEFT_SESSION_AHEAD_MAX_NS);
    connect_both(&a, &b, 0);
    say(&b, 1, 0);
    carry(&b, 0);
    assert_int_equal(a.delivered_count, 1);
    assert_int_equal(a.refused_count, 0);
    end_fini(&a);
    end_fini(&b);
}

static void an_end_of_the_far_future_is_told_of_once_a_connection(void **state)
{
    (void)state;
    static struct end a, forged;
    end_init(&a, &forged, 10);
    end_init(&forged, &a, WALL_NS + WEFT_SESSION_AHEAD_MAX_NS + 1);
    for (size_t connection = 1; connection <= 2; connection++) {
        connect_both(&a, &forged, 0);
        say(&forged, 1, 0);
        say(&forged, 2, 0);
        carry(&forged, 0);
        assert_int_equal(a.refused_count, connection);
        disconnect_both(&a, &forged, 1);
    }
    end_fini(&a);
    end_fini(&forged);
}

static void an_end_that_is_known_is_heard_although_the_clock_was_set_back(void **state)
{
    (void)state;
    static struct end a, b;
    end_init(&a, &b, 10);
    end_init(&b, &a, WALL_NS + WEFT_SESSION_AHEAD_MAX_NS);
    connect_both(&a, &b, 0);
    say(&b, 1, 0);
    carry(&b, 0);
    a.wall_ns -= WEFT_NS_PER_S;
    say(&b, 2, 1);
    carry(&b, 1);
    assert_int_equal(a.delivered_count, 2);
    assert_int_equal(a.refused_count, 0);
    end_fini(&a);
    end_fini(&b);
}

static void a_peer_far_behind_refuses_more_instead_of_filling_memory(void **state)
{
    (void)state;
    static struct end a, b;
    end_init(&a, &b, 10);
    end_init(&b, &a, 20);
    for (size_t i = 0; i < WEFT_SESSION_QUEUE_MAX; i++) {
        say(&a, i, 0);
    }
    struct weft_message *message = weft_message_new(WEFT_MESSAGE_CANCEL);
    assert_status(weft_session_send(a.session, message, 0, NULL), WEFT_RESOURCE_EXHAUSTED);
    weft_message_free(message);
    end_fini(&a);
    end_fini(&b);
}

/* How long the end waits, from now on, until it asks about its first message. */
static uint64_t ask(struct end *end, uint64_t *now_ns)
{
    uint64_t wait_ns = weft_session_deadline_ns(end->session) - *now_ns;
    *now_ns += wait_ns;
    weft_session_tick(end->session, *now_ns);
    assert_int_equal(end->wire_count, 1);
    return wait_ns;
}

static void a_peer_that_says_nothing_is_asked_more_seldom_but_not_for_ever(void **state)
{
    (void)state;
    static struct end a, b;
    end_init(&a, &b, 10);
    end_init(&b, &a, 20);
    connect_both(&a, &b, 0);
    uint64_t now_ns = 0;
    say(&a, 1, now_ns);
    cut(&a);
    uint64_t first_ns = ask(&a, &now_ns);
    cut(&a);
    uint64_t last_ns = first_ns;
    for (int i = 0; i < 100; i++) {
        uint64_t wait_ns = ask(&a, &now_ns);
        assert_true(wait_ns == last_ns || wait_ns == 2 * last_ns);
        assert_true(wait_ns <= WEFT_NS_PER_S * 3600);
        last_ns = wait_ns;
        if (i < 99) {
            cut(&a);
        }
    }
    assert_true(last_ns >= 4 * first_ns);
    carry(&a, now_ns);
    weft_session_tick(b.session, weft_session_deadline_ns(b.session));
    carry(&b, now_ns);
    say(&a, 2, now_ns); /* it is here again */
    cut(&a);
    assert_int_equal(ask(&a, &now_ns), first_ns);
    end_fini(&a);
    end_fini(&b);
}

static void what_is_missing_is_told_once_however_much_comes_behind(void **state)
{
    (void)state;
    static struct end a, b;
    end_init(&a, &b, 10);
    end_init(&b, &a, 20);
    connect_both(&a, &b, 0);
    say(&a, 1, 0);
    cut(&a);
    say(&a, 2, 0);
    carry(&a, 0);
    tick(&b);
    assert_int_equal(b.wire_count, 1);
    assert_true(b.wire[0].again);
    say(&a, 3, 1);
    say(&a, 4, 1);
    carry(&a, 1);
    assert_true(weft_session_deadline_ns(b.session) == WEFT_DEADLINE_NEVER_NS);
    end_fini(&a);
    end_fini(&b);
}

static void asking_all_the_time_does_not_put_off_the_answer(void **state)
{
    (void)state;
    static struct end a, b;
    end_init(&a, &b, 10);
    end_init(&b, &a, 20);
    connect_both(&a, &b, 0);
    say(&a, 1, 0);
    cut(&a);
    weft_session_missed(b.session, 0);
    tick(&b);
    carry(&b, 1);
    uint64_t due_ns = weft_session_deadline_ns(a.session);
    weft_session_missed(b.session, 1);
    tick(&b);
    carry(&b, due_ns - 1);
    assert_true(weft_session_deadline_ns(a.session) == due_ns);
    weft_session_tick(a.session, due_ns);
    carry(&a, due_ns);
    assert_int_equal(b.delivered_count, 1);
    end_fini(&a);
    end_fini(&b);
}

static void patience_with_a_peer_that_is_away_does_not_begin_anew_with_each_message(void **state)
{
    (void)state;
    static struct end a, b;
    end_init(&a, &b, 10);
    end_init(&b, &a, 20);
    say(&a, 1, 0);
    uint64_t lost_ns = weft_session_deadline_ns(a.session);
    say(&a, 2, lost_ns - 1);
    assert_true(weft_session_deadline_ns(a.session) == lost_ns);
    weft_session_tick(a.session, lost_ns);
    assert_int_equal(a.lost_count, 1);
    assert_int_equal(a.undelivered_count, 2);
    end_fini(&a);
    end_fini(&b);
}

static void what_waits_for_memory_waits_for_the_bytes_before_it(void **state)
{
    (void)state;
    static struct end a, b;
    end_init(&a, &b, 10);
    end_init(&b, &a, 20);
    connect_both(&a, &b, 0);
    a.without_memory = true;
    say(&a, 1, 0);
    a.without_memory = false;
    a.busy = true;
    tick(&a);
    assert_int_equal(a.wire_count, 0);
    a.busy = false;
    tick(&a);
    assert_int_equal(a.wire_count, 1);
    end_fini(&a);
    end_fini(&b);
}

static void an_idle_session_wants_no_timer(void **state)
{
    (void)state;
    static struct end a, b;
    end_init(&a, &b, 10);
    end_init(&b, &a, 20);
    assert_true(weft_session_deadline_ns(a.session) == WEFT_DEADLINE_NEVER_NS);
    connect_both(&a, &b, 0);
    assert_true(weft_session_deadline_ns(a.session) == WEFT_DEADLINE_NEVER_NS);
    end_fini(&a);
    end_fini(&b);
}

/* Whatever is lost, doubled, delayed or disconnected: what arrives is a gapless prefix, in order,
 * once. */
static void a_thousand_bad_networks_never_reorder_double_or_skip(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        struct weft_random random = {seed};
        static struct end a, b;
        end_init(&a, &b, 10);
        end_init(&b, &a, 20);
        connect_both(&a, &b, 0);
        uint64_t said = 0;
        uint64_t now_ns = 0;
        bool connected = true;
        for (int turn = 0; turn < 200; turn++) {
            now_ns += weft_random_below(&random, 40 * WEFT_NS_PER_MS);
            uint64_t dice = weft_random_below(&random, 10);
            if (dice < 5 && said < 100) {
                say(&a, said++, now_ns);
            } else if (dice == 5 && connected) {
                disconnect_both(&a, &b, now_ns);
                connected = false;
            } else if (!connected) {
                connect_both(&a, &b, now_ns);
                connected = true;
            } else if (dice == 6 && a.wire_count > 0) {
                struct weft_envelope twin = a.wire[weft_random_below(&random, a.wire_count)];
                twin.message = twin.message != NULL ? weft_message_copy(twin.message) : NULL;
                weft_session_received(b.session, &twin, now_ns);
            } else {
                carry(&a, now_ns);
                carry(&b, now_ns);
            }
            struct weft_session *sessions[] = {a.session, b.session};
            for (size_t i = 0; i < 2; i++) {
                if (now_ns >= weft_session_deadline_ns(sessions[i])) {
                    weft_session_tick(sessions[i], now_ns);
                }
            }
        }
        if (!connected) {
            connect_both(&a, &b, now_ns);
        }
        for (int turn = 0; turn < 20; turn++) {
            carry(&a, now_ns);
            carry(&b, now_ns);
            now_ns += 31 * WEFT_NS_PER_S;
            weft_session_tick(a.session, now_ns);
            weft_session_tick(b.session, now_ns);
        }
        assert_int_equal(a.lost_count, 0);
        assert_int_equal(b.delivered_count, said);
        for (size_t i = 0; i < said; i++) {
            assert_int_equal(b.delivered[i], i);
        }
        assert_int_equal(weft_session_queued(a.session), 0);
        end_fini(&a);
        end_fini(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_lost_with_a_connection_is_sent_again_on_the_next),
        cmocka_unit_test(a_message_that_comes_twice_is_delivered_once),
        cmocka_unit_test(a_message_that_cannot_be_read_does_not_hold_up_the_next),
        cmocka_unit_test(acknowledgements_travel_in_bulk),
        cmocka_unit_test(on_a_live_stream_only_the_first_is_asked_about),
        cmocka_unit_test(what_the_peer_missed_is_sent_again_and_all_behind_it),
        cmocka_unit_test(what_could_not_be_read_for_lack_of_memory_is_asked_for_again),
        cmocka_unit_test(without_memory_to_send_it_is_tried_soon_and_in_order),
        cmocka_unit_test(a_peer_that_stays_away_is_lost_and_nothing_of_before_counts),
        cmocka_unit_test(an_end_that_was_given_up_before_it_heard_anything_is_told_so),
        cmocka_unit_test(a_new_boot_replaces_the_old_one),
        cmocka_unit_test(an_end_of_the_far_future_does_not_shut_the_real_one_out),
        cmocka_unit_test(an_end_of_the_far_future_is_told_of_once_a_connection),
        cmocka_unit_test(an_end_whose_clock_is_a_day_ahead_is_heard),
        cmocka_unit_test(an_end_that_is_known_is_heard_although_the_clock_was_set_back),
        cmocka_unit_test(a_peer_far_behind_refuses_more_instead_of_filling_memory),
        cmocka_unit_test(a_peer_that_says_nothing_is_asked_more_seldom_but_not_for_ever),
        cmocka_unit_test(what_is_missing_is_told_once_however_much_comes_behind),
        cmocka_unit_test(asking_all_the_time_does_not_put_off_the_answer),
        cmocka_unit_test(patience_with_a_peer_that_is_away_does_not_begin_anew_with_each_message),
        cmocka_unit_test(what_waits_for_memory_waits_for_the_bytes_before_it),
        cmocka_unit_test(an_idle_session_wants_no_timer),
        cmocka_unit_test(a_thousand_bad_networks_never_reorder_double_or_skip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
