/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/mman.h>

#include "sched/session.h"
#include "support/story.h"

/* How many bytes wait for a peer that is behind. */

static bool on_send(void *context, const struct weft_envelope *envelope)
{
    (void)context, (void)envelope;
    return true;
}

static void on_message(void *context, struct weft_message *take_message)
{
    (void)context;
    weft_message_free(take_message);
}

static void on_lost(void *context)
{
    (void)context;
}

static struct weft_session *session_to_somebody(void)
{
    struct weft_session_options options = WEFT_SESSION_OPTIONS_DEFAULT;
    struct weft_session_host host = {
        .send = on_send, .deliver = on_message, .lost = on_lost, .undelivered = on_message};
    struct weft_session *session = weft_session_new(&options, &host, 10);
    assert_non_null(session);
    weft_session_connected(session, 0);
    return session;
}

/* Of memory that is never touched. */
static struct weft_message *deliver_of(uint64_t size_bytes)
{
    void *zeroes =
        mmap(NULL, size_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(zeroes != MAP_FAILED);
    struct weft_message *message = weft_message_new(WEFT_MESSAGE_DELIVER);
    struct weft_shape shape = {.rank = 1, .dims = {(int64_t)size_bytes}};
    struct weft_slice slice = weft_slice_static(zeroes, size_bytes);
    assert_status(weft_value_new_slice(WEFT_UINT8, &shape, &slice, &message->deliver.value, NULL),
                  WEFT_OK);
    return message;
}

static void say_little(struct weft_session *session)
{
    assert_status(weft_session_send(session, weft_message_new(WEFT_MESSAGE_CANCEL), 0, NULL),
                  WEFT_OK);
}

static void values_that_wait_are_limited_in_sum(void **state)
{
    (void)state;
    struct weft_session *session = session_to_somebody();
    struct weft_message *first = deliver_of(WEFT_SESSION_QUEUE_MAX_BYTES / 2 + 1);
    struct weft_message *second = weft_message_copy(first);
    assert_status(weft_session_send(session, first, 0, NULL), WEFT_OK);
    assert_status(weft_session_send(session, second, 0, NULL), WEFT_RESOURCE_EXHAUSTED);
    say_little(session); /* what has no value passes */
    /* When the peer has the first ... */
    struct weft_envelope answer = {.incarnation = 20, .peer_incarnation = 10, .acknowledged = 1};
    weft_session_received(session, &answer, 1);
    assert_int_equal(weft_session_queued(session), 1);
    /* ... there is room for the next. */
    assert_status(weft_session_send(session, second, 1, NULL), WEFT_OK);
    weft_session_free(session);
}

static void a_value_larger_than_the_limit_passes_alone(void **state)
{
    (void)state;
    struct weft_session *session = session_to_somebody();
    struct weft_message *large = deliver_of(WEFT_SESSION_QUEUE_MAX_BYTES + 1);
    assert_status(weft_session_send(session, large, 0, NULL), WEFT_OK);
    assert_int_equal(weft_session_queued(session), 1);
    weft_session_free(session);
}

static struct weft_message *reports_of(size_t count)
{
    struct weft_message *message = weft_message_new(WEFT_MESSAGE_REPORT);
    assert_non_null(message);
    message->report.reports = calloc(count, sizeof(*message->report.reports));
    assert_non_null(message->report.reports);
    message->report.reports_count = count;
    return message;
}

/* Else a gateway that reads nothing would hold 64 times as much of a node's memory. */
static void reports_of_one_message_count_each(void **state)
{
    (void)state;
    struct weft_session *session = session_to_somebody();
    for (size_t said = 0; said < WEFT_SESSION_QUEUE_MAX; said += WEFT_REPORTS_MAX) {
        assert_status(weft_session_send(session, reports_of(WEFT_REPORTS_MAX), 0, NULL), WEFT_OK);
    }
    struct weft_message *more = reports_of(1);
    assert_status(weft_session_send(session, more, 0, NULL), WEFT_RESOURCE_EXHAUSTED);
    struct weft_envelope answer = {.incarnation = 20, .peer_incarnation = 10, .acknowledged = 1};
    weft_session_received(session, &answer, 1);
    assert_status(weft_session_send(session, more, 1, NULL), WEFT_OK);
    weft_session_free(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_that_wait_are_limited_in_sum),
        cmocka_unit_test(a_value_larger_than_the_limit_passes_alone),
        cmocka_unit_test(reports_of_one_message_count_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
