/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_INTEGRATION_MODEL_STAGE_H
#define TESTS_INTEGRATION_MODEL_STAGE_H

/*
 * A repository in a directory of its own, with the actors of actor.c as its backends, and calls
 * that remember how they ended.
 */

#include "support/story.h"

#include <pthread.h>

#include "base/text.h"
#include "model/repository.h"
#include "sys/loop.h"

struct stage {
    char directory[64]; /* models/, state/ and files lie in it */
    struct weft_loop *loop;
    struct weft_log log;
    struct weft_text lines; /* the log */
    pthread_mutex_t lines_lock;
    struct weft_repository *repository;
    int changes;
    bool closed;
};

/* Makes the directory and opens an empty repository. */
void stage_open(struct stage *stage);
/* Closes it and waits; then removes the directory. */
void stage_close(struct stage *stage, uint64_t grace_ms);
/* Writes models/NAME/config.pbtxt and makes models/NAME/VERSION/. version NULL = none. */
void stage_model(struct stage *stage, const char *name, const char *version, const char *config);
void stage_write(struct stage *stage, const char *name, const char *text);
/* stage->directory/name, valid until the next call. */
const char *stage_path(struct stage *stage, const char *name);
bool stage_logged(struct stage *stage, const char *words);
/* Turns the loop until *flag is set, at most ten seconds. */
void stage_until(struct stage *stage, const bool *flag);
void stage_for_ms(struct stage *stage, int ms);

struct ended {
    bool ended;
    enum weft_status status;
    char message[1024];
};
void stage_done(void *context, struct weft_error *error);
/* Loads and waits; returns the status, with the message in *ret_ended. */
enum weft_status stage_load(struct stage *stage, const char *name, struct ended *ret_ended);
enum weft_status stage_unload(struct stage *stage, const char *name, struct ended *ret_ended);
/* Loads, and fails where that doesn't work. */
void stage_must_load(struct stage *stage, const char *name);
enum weft_model_state stage_state(struct stage *stage, const char *name, const char *version,
                                  char *ret_reason, size_t reason_size);

struct talk {
    struct ended ended;
    struct weft_inference *inference;
    int32_t number; /* the output, -1 = none */
    char text[64];
    char content_type[64];
    int parts;
    int parts_wrong;
    struct weft_value *kept; /* the number's value, if `keep` */
    bool keep;
    int cancel_after; /* parts; 0 = never */
    struct weft_model_usage usage;
};
struct weft_model *stage_find(struct stage *stage, const char *name);
/* Starts a call with `act`, number 1, and a deadline so many ms from now (0 = none). */
enum weft_status talk_start(struct stage *stage, struct weft_model *model, const char *act,
                            int deadline_ms, struct talk *talk, struct weft_error **error);
/* The same, by name, to its end. */
enum weft_status talk_over(struct stage *stage, const char *name, const char *act,
                           struct talk *talk);

#endif
