/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_SCHED_STAGE_H
#define TESTS_UNIT_SCHED_STAGE_H

/*
 * A stage for stories of the run protocol: nodes with a gateway and a worker each, a network that
 * carries everything at once and in order when it is told to, and models that finish when the story
 * says so. It counts what crosses. A story builds it in this order: stage_init, stage_node for
 * each, stage_model, stage_up, stage_pipeline; then it submits, carries, finishes and looks.
 */

#include "sched/gateway.h"
#include "support/story.h"

enum { STAGE_NODES_MAX = 6, STAGE_MODELS_MAX = 8, STAGE_TASKS_MAX = 64, STAGE_SENT_MAX = 1024 };

/* A message as it was handed to the network. */
struct stage_sent {
    unsigned from, to;
    enum weft_message_kind kind;
    uint32_t from_step, from_output; /* of a DELIVER */
    uint64_t bytes;                  /* of its value */
};

/* A request as its client sees it. */
struct stage_call {
    struct weft_request *request;
    unsigned ended, settled, parts, started, finished, failed;
    enum weft_status status;
    struct weft_error *error;
    struct weft_value *outputs[4];
};

struct stage;

struct stage_node {
    struct stage *stage;
    struct weft_node_info info;
    struct weft_model_info models[STAGE_MODELS_MAX];
    struct weft_gateway *gateway;
    struct weft_worker *worker;
    bool gone;            /* sending to it fails, for good */
    bool behind;          /* sending to it fails, for now */
    unsigned behind_for;  /* so many times more */
    unsigned takes_only;  /* so many messages more before it is behind; 0 = any number */
    unsigned turned_away; /* messages that it took not, being behind */
    bool refuses;         /* its host knows no model when a plan is prepared */
    bool deaf;            /* takes messages and does nothing */
};

struct stage {
    struct stage_node nodes[STAGE_NODES_MAX];
    unsigned nodes_count;
    struct weft_pipeline *pipeline;
    struct weft_pipeline *others[2]; /* of a story with more: only freed */
    uint64_t now_ns;
    struct stage_post {
        unsigned to;
        const char *from;
        struct weft_message *message;
    } post[STAGE_SENT_MAX]; /* under way */
    size_t post_count;
    struct stage_sent sent[STAGE_SENT_MAX];
    size_t sent_count;
    struct stage_running {
        unsigned node;
        struct weft_task *task;
        bool stopped;
    } running[STAGE_TASKS_MAX];
    size_t running_count;
    size_t released;  /* pipelines */
    size_t plans_max; /* of every worker; 0 = as usual. To be set before stage_up */
};

void stage_init(struct stage *stage);
/* The first node is the gateway of every request. Its index. */
unsigned stage_node(struct stage *stage, const char *name, uint32_t slots, uint64_t memory_bytes);
/* The model's needs, to be changed before stage_up. */
struct weft_needs *stage_model(struct stage *stage, unsigned node, const char *name);
void stage_up(struct stage *stage);
void stage_pipeline(struct stage *stage, const char *yaml);
void stage_fini(struct stage *stage);

/* One BYTES input of `size_bytes` for each input of the pipeline. UINT64_MAX = no deadline. */
enum weft_status stage_submit(struct stage *stage, struct stage_call *call, size_t size_bytes,
                              uint64_t timeout_ns, struct weft_error **error);
void stage_call_fini(struct stage_call *call);
/* Everything under way arrives, and what follows from it too. */
void stage_carry(struct stage *stage);
/* Time passes; every deadline on the way is kept. */
void stage_wait(struct stage *stage, uint64_t ns);
/* The one task of that step that runs; NULL if none does. */
struct stage_running *stage_find(struct stage *stage, const char *step);
/* It ends with outputs of that many bytes, or with an error (which the call takes). */
void stage_finish(struct stage *stage, const char *step, size_t output_bytes);
void stage_fail(struct stage *stage, const char *step, struct weft_error *take_error);
/* A part for every output of the step that runs. */
enum weft_status stage_part(struct stage *stage, const char *step, struct weft_error **error);
/* A boot of a node is gone, and everybody hears of it. */
void stage_lose(struct stage *stage, unsigned node);

/* How many DELIVERs with a value went from one node to another; STAGE_ANY = whichever (but itself).
 */
#define STAGE_ANY UINT32_MAX
size_t stage_crossings(const struct stage *stage, unsigned from, unsigned to, uint64_t *ret_bytes);
size_t stage_messages(const struct stage *stage, unsigned to, enum weft_message_kind kind);

#endif
