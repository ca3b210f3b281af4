/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_CLI_RUN_H
#define WEFT_CLI_RUN_H

/*
 * `weft run`, in its parts: run.c reads the command line and calls, run_request.c makes the request
 * of it, run_answer.c keeps and shows what came of it. One thread.
 */

#include "cli/outputs.h"
#include "client/between.h"
#include "client/client.h"
#include "client/record.h"

enum { RUN_ID_MAX = 40 };

/* Arguments of one kind, borrowed. */
struct run_list {
    const char *items[WEFT_VALUES_MAX];
    size_t count;
};

struct run {
    const char *pipeline;
    const char *server;
    const char *record_path;
    uint64_t timeout_ms;
    bool table;
    bool json;
    struct run_list inputs;
    struct run_list outputs;
    struct run_list parameters;
    char id[RUN_ID_MAX];
    const char *said_id;
    struct weft_client *client;
    struct weft_model_info info;
    struct weft_oip_request request;
    struct weft_oip_response response;
    struct weft_output_file files[WEFT_VALUES_MAX];
    size_t files_count;
    uint64_t duration_ns;
    struct weft_between *between;
    struct weft_record record;
    bool has_record;
};

/* Asks what the pipeline takes, and fills in the request and the files for its outputs: whatever
 * can be known to be wrong before it runs is an error here. */
enum weft_status run_prepare(struct run *run, struct weft_error **error) WEFT_MUST_CHECK;

/* What is nice to know, before the call and after it: what is missing is told, and no error. */
void run_measure(struct run *run);
void run_fetch_record(struct run *run);
enum weft_status run_write_outputs(struct run *run, struct weft_error **error) WEFT_MUST_CHECK;
enum weft_status run_write_record(struct run *run, struct weft_error **error) WEFT_MUST_CHECK;
enum weft_status run_print(const struct run *run, struct weft_error **error) WEFT_MUST_CHECK;

#endif
