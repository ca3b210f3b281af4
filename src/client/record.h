/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_CLIENT_RECORD_H
#define WEFT_CLIENT_RECORD_H

/*
 * The record of a request (docs/run.schema.json) as a client reads it: which step ran where, when,
 * and what went over which lane. One thread at a time.
 */

#include "client/between.h"
#include "client/client.h"

/* Pauses and patience while a node's last reports come in. */
enum { WEFT_RECORD_POLL_MS = 20, WEFT_RECORD_SETTLE_MS = 5 * 1000 };

struct weft_record_step {
    const char *name;
    const char *model;
    const char *node;
    const char *state; /* "waiting", "started", "finished", "failed" */
    const char *cache; /* "hit", "miss" */
    const char *lane;  /* of its inputs; "mixed" where they differ, "" where none is known */
    uint64_t start_ns; /* Unix time */
    uint64_t end_ns;
    uint64_t bytes_in;
    uint64_t bytes_out;
};

struct weft_record {
    struct weft_document *document; /* owns the strings */
    char *json;                     /* as the node wrote it */
    size_t json_length;
    const char *id;
    const char *pipeline;
    bool settled;
    uint64_t start_ns;
    uint64_t end_ns;
    struct weft_record_step *steps;
    size_t steps_count;
};

void weft_record_fini(struct weft_record *record);
/* INVALID_ARGUMENT where the text is no record. */
enum weft_status weft_record_parse(const char *json, size_t length, struct weft_record *ret_record,
                                   struct weft_error **error) WEFT_MUST_CHECK;
/* Asks the node for it. NOT_FOUND where it knows none of that id. */
enum weft_status weft_record_get(struct weft_client *client, const char *id, uint64_t timeout_ms,
                                 struct weft_record *ret_record,
                                 struct weft_error **error) WEFT_MUST_CHECK;
/* The same, again and again until it is settled: nothing more will come. After
 * WEFT_RECORD_SETTLE_MS as it is. */
enum weft_status weft_record_wait(struct weft_client *client, const char *id,
                                  struct weft_record *ret_record,
                                  struct weft_error **error) WEFT_MUST_CHECK;

/* How many different nodes ran a step. */
size_t weft_record_nodes(const struct weft_record *record);
/* Appends the record with what the client knows: the address it called, how long its call took,
 * and the bytes between the nodes (NULL = not known). */
void weft_record_write(const struct weft_record *record, const char *server, uint64_t duration_ns,
                       const struct weft_between *between, struct weft_text *text);

#define cleanup_record WEFT_CLEANUP(weft_record_fini)

#endif
