/* SPDX-License-Identifier: Apache-2.0 */
#include "sched/session.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/list.h"

/* An acknowledgement is due at the latest after so many messages, so that the peer's queue stays
 * short. */
enum { ACKNOWLEDGE_EVERY = 64 };

/* Retransmission is not spread further than 2^6 times its first wait. */
enum { BACKOFF_MAX = 6 };

struct entry {
    struct weft_list link;
    struct weft_message *message;
    uint64_t sequence;
    uint64_t payload_bytes;
    size_t weight; /* in the count of what waits */
};

struct weft_session {
    struct weft_session_options options;
    struct weft_session_host host;

    uint64_t incarnation;
    uint64_t peer_incarnation; /* 0 = not heard of yet */
    uint64_t peer_fence;       /* incarnations up to this one are gone */
    bool connected;
    bool refused; /* something, on this connection */

    struct weft_list queue; /* of entry: sent or to be sent, not acknowledged, by sequence */
    size_t queue_count;
    uint64_t queue_bytes;
    uint64_t sequence_last;

    uint64_t received;     /* all up to this have been delivered */
    uint64_t acknowledged; /* the last acknowledgement that was sent */
    bool missing;          /* to be told: something after `received` came, or could not be read */
    uint64_t missing_told; /* `received` + 1 when that was told last */

    uint64_t unsent;      /* the first of the queue that no memory was left to send; 0 = none */
    uint64_t retry_at_ns; /* what is unsent */

    uint64_t acknowledge_at_ns;
    uint64_t retransmit_at_ns;
    uint64_t lost_at_ns;
    unsigned backoff;
};

struct weft_session *weft_session_new(const struct weft_session_options *options,
                                      const struct weft_session_host *host, uint64_t incarnation)
{
    weft_assert(incarnation > 0);
    struct weft_session *session = calloc(1, sizeof(*session));
    if (session == NULL) {
        return NULL;
    }
    session->options = *options;
    session->host = *host;
    session->incarnation = incarnation;
    weft_list_init(&session->queue);
    session->acknowledge_at_ns = WEFT_DEADLINE_NEVER_NS;
    session->retransmit_at_ns = WEFT_DEADLINE_NEVER_NS;
    session->retry_at_ns = WEFT_DEADLINE_NEVER_NS;
    session->lost_at_ns = WEFT_DEADLINE_NEVER_NS;
    return session;
}

static void drop_first(struct weft_session *session)
{
    struct entry *entry = weft_list_entry(weft_list_first(&session->queue), struct entry, link);
    weft_list_remove(&entry->link);
    session->queue_count -= entry->weight;
    session->queue_bytes -= entry->payload_bytes;
    weft_message_free(entry->message);
    free(entry);
}

static void drop_queue(struct weft_session *session)
{
    while (!weft_list_is_empty(&session->queue)) {
        drop_first(session);
    }
}

void weft_session_free(struct weft_session *session)
{
    if (session != NULL) {
        drop_queue(session);
        free(session);
    }
}

/* False without memory: nothing has changed then. */
static bool transmit(struct weft_session *session, uint64_t sequence, struct weft_message *message)
{
    struct weft_envelope envelope = {
        .incarnation = session->incarnation,
        .peer_incarnation = session->peer_incarnation,
        .sequence = sequence,
        .acknowledged = session->peer_incarnation != 0 ? session->received : session->peer_fence,
        .again = session->missing,
        .message = message,
    };
    if (!session->host.send(session->host.context, &envelope)) {
        return false;
    }
    session->missing = false;
    session->acknowledged = session->received;
    session->acknowledge_at_ns = WEFT_DEADLINE_NEVER_NS;
    return true;
}

static void retry_later(struct weft_session *session, uint64_t sequence, uint64_t now_ns)
{
    session->unsent = sequence;
    session->retry_at_ns = now_ns + session->options.retry_after_ns;
}

/* From that sequence on, in order, as far as the memory reaches. */
static void transmit_queue(struct weft_session *session, uint64_t from, uint64_t now_ns)
{
    session->unsent = 0;
    session->retry_at_ns = WEFT_DEADLINE_NEVER_NS;
    for (struct weft_list *link = session->queue.next; link != &session->queue; link = link->next) {
        struct entry *entry = weft_list_entry(link, struct entry, link);
        if (entry->sequence >= from && !transmit(session, entry->sequence, entry->message)) {
            retry_later(session, entry->sequence, now_ns);
            return;
        }
    }
}

static void arm_retransmit(struct weft_session *session, uint64_t now_ns)
{
    session->retransmit_at_ns =
        weft_list_is_empty(&session->queue) || !session->connected
            ? WEFT_DEADLINE_NEVER_NS
            : now_ns + (session->options.retransmit_after_ns << session->backoff);
}

/* Without a connection there is only so much patience, counted from when it first matters. */
static void arm_lost(struct weft_session *session, uint64_t now_ns)
{
    bool matters = session->peer_incarnation != 0 || !weft_list_is_empty(&session->queue);
    if (session->connected || !matters) {
        session->lost_at_ns = WEFT_DEADLINE_NEVER_NS;
    } else if (session->lost_at_ns == WEFT_DEADLINE_NEVER_NS) {
        session->lost_at_ns = now_ns + session->options.lost_after_ns;
    }
}

static uint64_t payload_bytes(const struct weft_message *message)
{
    return message->kind == WEFT_MESSAGE_DELIVER && message->deliver.value != NULL
               ? weft_value_size_bytes(message->deliver.value)
               : 0;
}

/* Reports that travel together count each. */
static size_t weight_of(const struct weft_message *message)
{
    return message->kind == WEFT_MESSAGE_REPORT ? message->report.reports_count : 1;
}

enum weft_status weft_session_send(struct weft_session *session, struct weft_message *take_message,
                                   uint64_t now_ns, struct weft_error **error)
{
    if (take_message->kind == WEFT_MESSAGE_HELLO) {
        if (session->connected && !transmit(session, 0, take_message)) {
            return weft_error_set_out_of_memory(error);
        }
        weft_message_free(take_message);
        return WEFT_OK;
    }
    uint64_t bytes = payload_bytes(take_message);
    bool alone =
        weft_list_is_empty(&session->queue); /* a single value may be larger than the limit */
    size_t weight = weight_of(take_message);
    if (session->queue_count >= WEFT_SESSION_QUEUE_MAX ||
        (!alone && session->queue_bytes + bytes > WEFT_SESSION_QUEUE_MAX_BYTES)) {
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED,
                              "%zu messages wait for the peer, which is the limit",
                              session->queue_count);
    }
    struct entry *entry = malloc(sizeof(*entry));
    if (entry == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    *entry = (struct entry){.message = take_message,
                            .sequence = ++session->sequence_last,
                            .payload_bytes = bytes,
                            .weight = weight};
    weft_list_append(&session->queue, &entry->link);
    session->queue_count += weight;
    session->queue_bytes += bytes;
    if (session->connected) {
        if (alone) {
            arm_retransmit(session, now_ns);
        }
        /* Not past what could not be sent: the peer would only miss it. */
        if (session->unsent == 0 && !transmit(session, entry->sequence, entry->message)) {
            retry_later(session, entry->sequence, now_ns);
        }
    } else {
        arm_lost(session, now_ns);
    }
    return WEFT_OK;
}

/* The peer as we knew it is gone: nothing of before counts any more, on either side. */
static void begin_anew(struct weft_session *session)
{
    struct weft_list undelivered;
    weft_list_init(&undelivered);
    weft_list_splice(&undelivered, &session->queue);
    session->queue_count = 0;
    session->queue_bytes = 0;
    if (session->peer_incarnation > session->peer_fence) {
        session->peer_fence = session->peer_incarnation;
    }
    session->peer_incarnation = 0;
    session->incarnation++;
    session->sequence_last = 0;
    session->received = 0;
    session->acknowledged = 0;
    session->missing = false;
    session->missing_told = 0;
    session->unsent = 0;
    session->retry_at_ns = WEFT_DEADLINE_NEVER_NS;
    session->backoff = 0;
    session->acknowledge_at_ns = WEFT_DEADLINE_NEVER_NS;
    session->retransmit_at_ns = WEFT_DEADLINE_NEVER_NS;
    session->lost_at_ns = WEFT_DEADLINE_NEVER_NS;
    for (struct weft_list *link; (link = weft_list_first(&undelivered)) != NULL;) {
        struct entry *entry = weft_list_entry(link, struct entry, link);
        weft_list_remove(link);
        session->host.undelivered(session->host.context, entry->message);
        free(entry);
    }
    session->host.lost(session->host.context);
}

static void acknowledged(struct weft_session *session, uint64_t sequence, uint64_t now_ns)
{
    bool progress = false;
    while (!weft_list_is_empty(&session->queue)) {
        struct entry *entry = weft_list_entry(weft_list_first(&session->queue), struct entry, link);
        if (entry->sequence > sequence) {
            break;
        }
        drop_first(session);
        progress = true;
    }
    if (progress) {
        session->backoff = 0;
        arm_retransmit(session, now_ns);
    }
}

static void note_received(struct weft_session *session, uint64_t now_ns)
{
    if (session->received - session->acknowledged >= ACKNOWLEDGE_EVERY) {
        session->acknowledge_at_ns = now_ns;
    } else if (session->acknowledge_at_ns == WEFT_DEADLINE_NEVER_NS) {
        session->acknowledge_at_ns = now_ns + session->options.acknowledge_after_ns;
    }
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t saturating_add(uint64_t a, uint64_t b)
{
    uint64_t sum = 0;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* Once for each message: all that were sent behind it come now, and say nothing new. */
static void note_gap(struct weft_session *session, uint64_t now_ns)
{
    if (session->missing_told != session->received + 1) {
        session->missing_told = session->received + 1;
        session->missing = true;
        session->acknowledge_at_ns = now_ns;
    }
}

/* The peer missed what is first in the queue, and so all behind it. Not at once, for a peer could
 * ask for it all the time. */
static void send_again(struct weft_session *session, uint64_t now_ns)
{
    if (session->host.missed != NULL) {
        session->host.missed(session->host.context);
    }
    bool due = session->retry_at_ns != WEFT_DEADLINE_NEVER_NS;
    if (session->connected && !weft_list_is_empty(&session->queue)) {
        const struct entry *first =
            weft_list_entry(weft_list_first(&session->queue), struct entry, link);
        session->unsent = first->sequence;
        session->retry_at_ns =
            due ? session->retry_at_ns : now_ns + session->options.retry_after_ns;
    }
}

static bool is_busy(const struct weft_session *session)
{
    const struct weft_session_host *host = &session->host;
    return host->busy != NULL && host->busy(host->context);
}

/* NULL: an acknowledgement alone, or a message that could not be read. */
static void deliver(struct weft_session *session, struct weft_message *take_message)
{
    if (take_message != NULL) {
        session->host.deliver(session->host.context, take_message);
    }
}

static bool is_far_ahead(struct weft_session *session, uint64_t incarnation)
{
    const struct weft_session_host *host = &session->host;
    if (host->wall_ns == NULL || incarnation == session->peer_incarnation /* judged before */ ||
        incarnation <= saturating_add(host->wall_ns(host->context), WEFT_SESSION_AHEAD_MAX_NS)) {
        return false;
    }
    if (!session->refused && host->refused != NULL) {
        host->refused(host->context, incarnation);
    }
    session->refused = true;
    return true;
}

void weft_session_received(struct weft_session *session, struct weft_envelope *envelope,
                           uint64_t now_ns)
{
    cleanup_message struct weft_message *message = steal(&envelope->message);
    if (is_far_ahead(session, envelope->incarnation)) {
        return;
    }
    if (envelope->incarnation <= session->peer_fence ||
        envelope->incarnation < session->peer_incarnation) {
        /* From an end that is gone, or that does not know yet that it was given up: it should hear
         * of it. */
        session->acknowledge_at_ns = now_ns;
        return;
    }
    bool given_up =
        envelope->peer_incarnation == 0 && envelope->acknowledged >= session->incarnation;
    if (given_up ||
        (session->peer_incarnation != 0 && envelope->incarnation > session->peer_incarnation)) {
        begin_anew(session);
        if (envelope->incarnation <= session->peer_fence) {
            session->acknowledge_at_ns = now_ns; /* the peer's end goes with ours */
            return;
        }
    }
    if (envelope->peer_incarnation != 0 && envelope->peer_incarnation != session->incarnation) {
        session->acknowledge_at_ns =
            now_ns; /* for an end of ours that is gone: let the peer hear of this one */
        return;
    }
    session->peer_incarnation = envelope->incarnation;
    if (envelope->peer_incarnation != 0) {
        acknowledged(session, envelope->acknowledged, now_ns);
    }
    if (envelope->again) {
        send_again(session, now_ns);
    }
    if (envelope->sequence == 0) {
        deliver(session, steal(&message));
        return;
    }
    if (envelope->sequence == session->received + 1) {
        session->received++;
        note_received(session, now_ns);
        deliver(session, steal(&message));
    } else if (envelope->sequence > session->received) {
        note_gap(session, now_ns);
    } else {
        session->acknowledge_at_ns = now_ns; /* twice: the peer should hear where we are */
    }
}

void weft_session_missed(struct weft_session *session, uint64_t now_ns)
{
    uint64_t at_ns = now_ns + session->options.retry_after_ns;
    session->missing_told = session->received + 1;
    session->missing = true;
    session->acknowledge_at_ns = earlier(session->acknowledge_at_ns, at_ns);
}

void weft_session_connected(struct weft_session *session, uint64_t now_ns)
{
    session->connected = true;
    session->refused = false;
    session->backoff = 0;
    session->lost_at_ns = WEFT_DEADLINE_NEVER_NS;
    transmit_queue(session, 0, now_ns);
    arm_retransmit(session, now_ns);
}

void weft_session_disconnected(struct weft_session *session, uint64_t now_ns)
{
    session->connected = false;
    session->acknowledge_at_ns = WEFT_DEADLINE_NEVER_NS; /* the reconnect brings it */
    session->missing = false;                            /* and all that was missed */
    session->missing_told = 0;
    session->unsent = 0;
    session->retry_at_ns = WEFT_DEADLINE_NEVER_NS;
    arm_retransmit(session, now_ns);
    arm_lost(session, now_ns);
}

uint64_t weft_session_deadline_ns(const struct weft_session *session)
{
    return earlier(earlier(session->acknowledge_at_ns, session->retry_at_ns),
                   earlier(session->retransmit_at_ns, session->lost_at_ns));
}

/* The stream lives and nothing is acknowledged: the first message once more, for its answer says
 * where the peer is. The rest is still on its way, or the peer will say that it missed it. */
static void ask(struct weft_session *session, uint64_t now_ns)
{
    if (!is_busy(session) && session->unsent == 0) {
        const struct entry *first =
            weft_list_entry(weft_list_first(&session->queue), struct entry, link);
        (void)transmit(session, first->sequence, first->message);
        session->backoff += session->backoff < BACKOFF_MAX;
    }
    arm_retransmit(session, now_ns);
}

static void transmit_unsent(struct weft_session *session, uint64_t now_ns)
{
    if (is_busy(session)) {
        retry_later(session, session->unsent, now_ns);
    } else {
        transmit_queue(session, session->unsent, now_ns);
    }
}

void weft_session_tick(struct weft_session *session, uint64_t now_ns)
{
    if (now_ns >= session->lost_at_ns) {
        begin_anew(session);
        return;
    }
    if (now_ns >= session->retry_at_ns) {
        transmit_unsent(session, now_ns);
    }
    if (now_ns >= session->retransmit_at_ns) {
        ask(session, now_ns);
    }
    if (now_ns >= session->acknowledge_at_ns) {
        bool told = !session->connected || transmit(session, 0, NULL);
        session->acknowledge_at_ns =
            told ? WEFT_DEADLINE_NEVER_NS : now_ns + session->options.retry_after_ns;
    }
}

size_t weft_session_queued(const struct weft_session *session)
{
    return session->queue_count;
}

bool weft_session_is_connected(const struct weft_session *session)
{
    return session->connected;
}
