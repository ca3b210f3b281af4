/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "unit/run/stand.h"
#include "wire/control.h"

/* Whoever calls and gives a name is a peer. Somebody gives a thousand of them, and no more. */

enum { CHANNELS = 5, STREAMS = 240, CALLS = CHANNELS * STREAMS };

static struct stand stand;
static struct stand_node *a, *b, *c;

struct crowd {
    struct weft_channel *channels[CHANNELS];
    bool closed[CHANNELS];
    size_t up, over;
};

static void head(void *context, struct weft_client_call *call, const struct weft_http_head *head)
{
    (void)call, (void)head;
    ((struct crowd *)context)->up++;
}

static void message(void *context, struct weft_client_call *call, const struct weft_slice *slice)
{
    (void)context, (void)call, (void)slice;
}

static void done(void *context, struct weft_client_call *call, const struct weft_error *error,
                 const struct weft_http_field *trailers, size_t trailers_count)
{
    (void)call, (void)error, (void)trailers, (void)trailers_count;
    ((struct crowd *)context)->over++;
}

static bool all_have_called(void *context)
{
    const struct crowd *crowd = context;
    return crowd->up + crowd->over >= CALLS;
}

static void crowd_calls(struct crowd *crowd, struct stand_node *node)
{
    static const struct weft_client_call_events events = {
        .head = head, .message = message, .done = done};
    *crowd = (struct crowd){0};
    for (unsigned i = 0; i < CALLS; i++) {
        struct weft_error *error = NULL;
        struct weft_channel **channel = &crowd->channels[i / STREAMS];
        if (*channel == NULL) {
            assert_ok(weft_channel_open(node->link, weft_listener_address(node->listener), NULL,
                                        channel, &error),
                      error);
        }
        char name[32];
        snprintf(name, sizeof(name), "invented-%u", i);
        struct weft_grpc_metadata metadata = {"weft-node", name, strlen(name)};
        struct weft_client_call_options options = {.path = "/weft.v1.Peer/Connect",
                                                   .wait_for_ready = true,
                                                   .metadata = &metadata,
                                                   .metadata_count = 1};
        struct weft_client_call *call = NULL;
        assert_ok(weft_channel_call(*channel, &options, &events, crowd, &call, &error), error);
    }
    stand_until(node->stand, all_have_called, crowd);
}

static void set(void *context)
{
    *(bool *)context = true;
}

static bool is_set(void *context)
{
    return *(bool *)context;
}

static void crowd_leaves(struct crowd *crowd)
{
    for (unsigned i = 0; i < CHANNELS; i++) {
        weft_channel_close(crowd->channels[i], set, &crowd->closed[i]);
        stand_until(&stand, is_set, &crowd->closed[i]);
    }
}

static void invented_names_shut_nobody_out(void **state)
{
    (void)state;
    static struct crowd crowd;
    stand_open(&stand);
    a = stand_node(&stand, "a");
    b = stand_node(&stand, "b");
    c = stand_node(&stand, "c");
    stand_model(a, "same", 1, STAND_SAME);
    stand_model(b, "other", 1, STAND_SAME);
    stand_start(&stand);
    crowd_calls(&crowd, a);
    assert_int_equal(crowd.up, CALLS);
    stand_wait_ms(&stand, 50);
    assert_true(crowd.over >= CALLS - WEFT_PEER_STRANGERS_MAX); /* they made room for each other */
    assert_true(stand_said(a, "and said nothing: it makes room"));
    stand_knows(a, b); /* one that the configuration names */
    stand_until_seen(a, b, 1);
    stand_knows(c, a); /* and one that nobody named to a: it says who it is */
    stand_until_seen(c, a, 1);
    stand_until_seen(a, c, 0);
    struct stand_call call;
    assert_status(stand_call(c, &call, "same", 10, NULL, 5 * WEFT_NS_PER_S), WEFT_OK);
    stand_call_fini(&call);
    assert_status(stand_call(a, &call, "other", 10, NULL, 5 * WEFT_NS_PER_S), WEFT_OK);
    stand_call_fini(&call);
    crowd_leaves(&crowd);
    stand_close(&stand);
}

/* Somebody who calls node a as "liar", and speaks for itself. */
struct caller {
    struct weft_channel *channel;
    struct weft_client_call *call;
    size_t hellos; /* of a, that came */
    uint64_t acknowledged;
    bool closed;
};

static void caller_message(void *context, struct weft_client_call *call,
                           const struct weft_slice *slice)
{
    (void)call;
    struct caller *caller = context;
    struct weft_envelope envelope = {0};
    assert_status(weft_envelope_decode(slice, &envelope, NULL), WEFT_OK);
    caller->acknowledged = envelope.acknowledged;
    caller->hellos += envelope.message != NULL && envelope.message->kind == WEFT_MESSAGE_HELLO;
    weft_message_free(envelope.message);
}

static void caller_done(void *context, struct weft_client_call *call,
                        const struct weft_error *error, const struct weft_http_field *trailers,
                        size_t trailers_count)
{
    (void)context, (void)call, (void)error, (void)trailers, (void)trailers_count;
}

static void caller_calls(struct caller *caller)
{
    static const struct weft_client_call_events events = {.message = caller_message,
                                                          .done = caller_done};
    struct weft_error *error = NULL;
    struct weft_grpc_metadata metadata = {"weft-node", "liar", strlen("liar")};
    struct weft_client_call_options options = {
        .path = "/weft.v1.Peer/Connect", .metadata = &metadata, .metadata_count = 1};
    *caller = (struct caller){0};
    assert_ok(weft_channel_open(a->link, weft_listener_address(a->listener), NULL, &caller->channel,
                                &error),
              error);
    assert_ok(weft_channel_call(caller->channel, &options, &events, caller, &caller->call, &error),
              error);
}

/* With more of the protocol's bytes behind the envelope's. */
static void caller_says_more(struct caller *caller, const struct weft_envelope *envelope,
                             const char *bytes, size_t size_bytes)
{
    cleanup_slices struct weft_slices slices = {0};
    assert_status(weft_envelope_encode(envelope, &slices, NULL), WEFT_OK);
    cleanup_slice struct weft_slice more = weft_slice_static(bytes, size_bytes);
    assert_true(size_bytes == 0 || weft_slices_add(&slices, &more));
    assert_true(weft_client_call_send(caller->call, weft_slices_items(&slices), slices.count));
    weft_slices_forget(&slices);
}

static void caller_says(struct caller *caller, const struct weft_envelope *envelope)
{
    caller_says_more(caller, envelope, "", 0);
}

static void caller_leaves(struct caller *caller)
{
    weft_channel_close(caller->channel, set, &caller->closed);
    stand_until(&stand, is_set, &caller->closed);
}

static bool says_it_is_another(void *context)
{
    return stand_said(context, "says it is another, and is not listened to");
}

/* What it says of node b would replace what b says of itself. */
static void a_caller_that_says_it_is_another_is_not_listened_to(void **state)
{
    (void)state;
    struct caller liar;
    stand_open(&stand);
    a = stand_node(&stand, "a");
    b = stand_node(&stand, "b");
    stand_start(&stand);
    caller_calls(&liar);
    cleanup_message struct weft_message *hello = weft_message_new(WEFT_MESSAGE_HELLO);
    assert_true(weft_node_info_copy(weft_run_self(b->run), &hello->hello));
    caller_says(&liar, &(struct weft_envelope){.incarnation = 1, .message = hello});
    stand_until(&stand, says_it_is_another, a);
    assert_null(stand_seen(a, b));
    caller_leaves(&liar);
    stand_close(&stand);
}

static bool has_one_hello(void *context)
{
    return ((struct caller *)context)->hellos >= 1;
}

static bool has_two_hellos(void *context)
{
    return ((struct caller *)context)->hellos >= 2;
}

/* A HELLO has no number, by which it would be sent again. */
static void who_missed_something_is_told_once_more_who_speaks(void **state)
{
    (void)state;
    struct caller caller;
    stand_open(&stand);
    a = stand_node(&stand, "a");
    stand_start(&stand);
    caller_calls(&caller);
    stand_until(&stand, has_one_hello, &caller);
    caller_says(&caller, &(struct weft_envelope){.incarnation = 1, .again = true});
    stand_until(&stand, has_two_hellos, &caller);
    caller_leaves(&caller);
    stand_close(&stand);
}

static bool has_acknowledged_two(void *context)
{
    return ((struct caller *)context)->acknowledged == 2;
}

/* It would be sent again each time it is asked for. */
static void a_message_that_nobody_can_read_is_not_waited_for(void **state)
{
    (void)state;
    static const char broken_deliver[] = {9 << 3 | 2, 1, (char)0xff};
    struct caller caller;
    stand_open(&stand);
    a = stand_node(&stand, "a");
    stand_start(&stand);
    caller_calls(&caller);
    caller_says_more(&caller, &(struct weft_envelope){.incarnation = 1, .sequence = 1},
                     broken_deliver, sizeof(broken_deliver));
    caller_says(&caller, &(struct weft_envelope){.incarnation = 1, .sequence = 2});
    stand_until(&stand, has_acknowledged_two, &caller);
    assert_true(stand_said(a, "cannot be read and is dropped"));
    caller_leaves(&caller);
    stand_close(&stand);
}

/* It came before them, so that its place would be the first to be given away. */
static void a_stranger_that_has_said_who_it_is_stays(void **state)
{
    (void)state;
    static struct crowd crowd;
    stand_open(&stand);
    a = stand_node(&stand, "a");
    c = stand_node(&stand, "c");
    stand_start(&stand);
    stand_knows(c, a);
    stand_until_seen(a, c, 0);
    crowd_calls(&crowd, a);
    stand_wait_ms(&stand, 50);
    assert_true(stand_said(a, "and said nothing: it makes room"));
    assert_false(stand_said(a, "c\\\" and said nothing: it makes room"));
    assert_non_null(stand_seen(a, c));
    crowd_leaves(&crowd);
    stand_close(&stand);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(invented_names_shut_nobody_out),
        cmocka_unit_test(a_stranger_that_has_said_who_it_is_stays),
        cmocka_unit_test(a_caller_that_says_it_is_another_is_not_listened_to),
        cmocka_unit_test(who_missed_something_is_told_once_more_who_speaks),
        cmocka_unit_test(a_message_that_nobody_can_read_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
