/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "unit/run/stand.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(invented_names_shut_nobody_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
