/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_SCHED_SESSION_H
#define WEFT_SCHED_SESSION_H

/*
 * A session: everything that two nodes say to each other, each message exactly once and in order,
 * over connections that break and come back. Messages are numbered, acknowledged in bulk, and kept
 * until acknowledged. They are sent again after a reconnect, or when the peer says that it missed
 * them; the first of them also when no acknowledgement came in time, as a question.
 * When the other end was away for too long, or was replaced by another boot, the session says so
 * once (`lost`), forgets what it had, and starts anew under a higher incarnation; what is still on
 * the way from before is then recognised as stale.
 *
 * Pure: the host brings time, carries envelopes and is told what to do. One thread; the host's
 * functions may call weft_session_send, but nothing else of the same session.
 */

#include "base/clock.h"
#include "base/message.h"

/* Messages that may wait for the peer's acknowledgement; reports that travel in one count each. A
 * pipeline of thousands of small requests fits; what lies beyond fails with RESOURCE_EXHAUSTED,
 * because a peer that far behind will not catch up within a deadline. */
enum { WEFT_SESSION_QUEUE_MAX = 65536 };
/* And their payload: the values are shared with their owners, but while they wait they cannot be
 * freed. */
#define WEFT_SESSION_QUEUE_MAX_BYTES (UINT64_C(2) << 30)

/* How far ahead of this node's clock the incarnation of a peer, or the generation of its boot, may
 * be. Both are wall-clock nanoseconds at their making and fence off all that are lower, so one of
 * next year would shut its node out until then. Clocks differ by seconds, and by hours where a time
 * zone is wrong. What lies beyond is not listened to, and `refused` says so. */
#define WEFT_SESSION_AHEAD_MAX_NS (24 * 3600 * WEFT_NS_PER_S)

struct weft_session;

struct weft_session_options {
    uint64_t acknowledge_after_ns; /* how long an acknowledgement may wait for a message to travel
                                      with */
    uint64_t retransmit_after_ns;  /* without acknowledgement the first message is sent again;
                                      doubles with every try */
    uint64_t retry_after_ns;       /* when there was no memory to send, or to read */
    uint64_t lost_after_ns;        /* without connection */
};

/* What production uses: acknowledgements are no hurry, TCP retransmits by itself, and a process
 * that is restarted is back within the time after which a request had better fail. */
#define WEFT_SESSION_OPTIONS_DEFAULT                                                               \
    {                                                                                              \
        .acknowledge_after_ns = 100 * WEFT_NS_PER_MS, .retransmit_after_ns = 30 * WEFT_NS_PER_S,   \
        .retry_after_ns = 10 * WEFT_NS_PER_MS, .lost_after_ns = 2 * WEFT_NS_PER_S                  \
    }

struct weft_session_host {
    /* Puts an envelope on the connection. Only called while connected. Envelope and message are
     * borrowed. False where there was no memory: it will be tried again. */
    bool (*send)(void *context, const struct weft_envelope *envelope);
    /* Whether bytes of what was sent still wait to leave: then nothing is sent again. NULL = never.
     */
    bool (*busy)(void *context);
    /* The peer missed something, perhaps a HELLO: it should be said again, later. May be NULL. */
    void (*missed)(void *context);
    /* A message has arrived, in order and for the first time; takes it. */
    void (*deliver)(void *context, struct weft_message *take_message);
    /* That incarnation of the peer is gone and nothing more comes from it. Called after
     * `undelivered`. */
    void (*lost)(void *context);
    /* For each message that was sent and never acknowledged, in order, before `lost`: it may not
     * have arrived. Takes the message. */
    void (*undelivered)(void *context, struct weft_message *take_message);
    /* The wall clock that incarnations are compared with; NULL = they are not. */
    uint64_t (*wall_ns)(void *context);
    /* An envelope of an incarnation so far ahead was dropped: the first one of a connection. May be
     * NULL. */
    void (*refused)(void *context, uint64_t incarnation);
    void *context;
};

/* incarnation must be higher than any this node has used with this peer before, in this boot or an
 * earlier one: the wall clock in nanoseconds serves. NULL if out of memory. */
struct weft_session *weft_session_new(const struct weft_session_options *options,
                                      const struct weft_session_host *host, uint64_t incarnation);
/* Messages that were not acknowledged are dropped. NULL is fine. */
void weft_session_free(struct weft_session *session);

/* Sends a message, or keeps it until there is a connection. HELLO goes before all others and is not
 * numbered: it is sent at once and not kept, so it is sent again after every `connected`, and where
 * this is OUT_OF_MEMORY. RESOURCE_EXHAUSTED when the peer is too far behind; the message is then
 * still the caller's. */
enum weft_status weft_session_send(struct weft_session *session, struct weft_message *take_message,
                                   uint64_t now_ns, struct weft_error **error) WEFT_MUST_CHECK;
/* An envelope came in. Takes its message and leaves NULL there. One with a number and without a
 * message held something that this node cannot read: it counts as received, for it would come again
 * for ever, and what follows it would wait. */
void weft_session_received(struct weft_session *session, struct weft_envelope *envelope,
                           uint64_t now_ns);

/* An envelope came, and there was no memory to read it: the peer is asked to send it again. */
void weft_session_missed(struct weft_session *session, uint64_t now_ns);

void weft_session_connected(struct weft_session *session, uint64_t now_ns);
void weft_session_disconnected(struct weft_session *session, uint64_t now_ns);

/* When weft_session_tick wants to be called next; WEFT_DEADLINE_NEVER_NS if not at all. */
uint64_t weft_session_deadline_ns(const struct weft_session *session);
void weft_session_tick(struct weft_session *session, uint64_t now_ns);

/* Messages that wait for acknowledgement. */
size_t weft_session_queued(const struct weft_session *session);
bool weft_session_is_connected(const struct weft_session *session);

#endif
