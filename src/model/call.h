/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_MODEL_CALL_H
#define WEFT_MODEL_CALL_H

/*
 * One inference: what the plugin sees of it (`base`), what it has made so far, and the caller who
 * waits. Private to the room.
 *
 * Who may touch what: `made` and the result belong to the plugin's side until `sealed`, then to the
 * loop's; what is guarded by the model's lock says so; the rest is the loop's.
 *
 * A call ends on the loop when the plugin has completed it (`sealed`) *and* its infer has returned
 * (`job_ended`), in whatever order the news come. Its caller is answered then, or earlier where the
 * deadline passed or he cancelled.
 */

#include <pthread.h>

#include "model/model_parts.h"

/* Bytes behind an output that no plugin may write to, to see it when one does. */
enum { WEFT_OUTPUT_GUARD_BYTES = 32 };

/* An output that the plugin has made. */
struct weft_made {
    bool made;
    bool guarded;
    size_t held_bytes;        /* counted in the model's until this becomes a value */
    struct weft_slice slice;  /* output and output_take */
    struct weft_value *value; /* forward */
    enum weft_datatype datatype;
    struct weft_shape shape;
    char *content_type; /* NULL = not said */
};

/* A part on its way to the loop. */
struct weft_part {
    struct weft_part *next;
    size_t count;
    struct weft_named_value items[]; /* names are the model's */
};

struct weft_inference {
    struct weft_model_call base; /* first: plugins hand it back */
    struct weft_model *model;    /* a reference */
    struct weft_model_events events;
    void *context;
    struct weft_trace trace;
    uint64_t deadline_ns;
    uint64_t submitted_ns;
    struct weft_parameters parameters;
    struct weft_tensor *tensors;      /* base.inputs */
    struct weft_value **input_values; /* by index of base.inputs */
    struct weft_buffer **aligned;     /* copies of those that were not; NULL = none */
    size_t aligned_bytes;
    size_t inputs_count;
    bool *unwanted; /* by index of the model's outputs; NULL = all are wanted */
    char *request_id;

    /* The loop's. */
    struct weft_list link; /* in the model's waiting or running list */
    bool running;
    bool answered;
    bool ended_seen; /* sealed, and the loop knows */
    bool job_ended;
    bool ended_at_return; /* sealed when infer returned: no mail comes */
    bool cancel_asked;
    struct weft_job job;
    struct weft_timer timer;
    struct weft_deferred later;

    /* Guarded by the model's lock. */
    bool entered;   /* infer was called */
    bool returned;  /* infer has returned */
    bool completed; /* complete was entered */
    bool sealed;    /* the result below is there */
    bool cancelling;
    pthread_t canceller;
    uint64_t started_ns;
    uint64_t completed_ns;
    struct weft_part *parts;
    struct weft_part **parts_end;
    size_t parts_count;
    bool parts_posted;
    bool emitted;
    struct weft_mail parts_mail;
    struct weft_mail end_mail;
    char misuse[128]; /* what the plugin did wrong, the first time; "" = nothing */

    atomic_bool given_up; /* the caller doesn't wait any more */

    /* The result, and what leads to it. */
    struct weft_error *error;
    size_t answer_count;
    struct weft_named_value *answer;
    struct weft_made *made; /* by index of the model's outputs */
    size_t made_count;
};

static inline struct weft_inference *weft_inference_of(struct weft_model_call *base)
{
    return (struct weft_inference *)(void *)base;
}

/* --- call.c --- */

/* Checks the request and makes a call of it. */
enum weft_status weft_inference_new(struct weft_model *model,
                                    const struct weft_model_request *request,
                                    const struct weft_model_events *events, void *context,
                                    struct weft_inference **ret_inference,
                                    struct weft_error **error) WEFT_MUST_CHECK;
void weft_inference_free(struct weft_inference *inference);
/* Hands the parts that have arrived to the caller. */
void weft_inference_take_parts(struct weft_inference *inference);
/* The plugin has completed it, after its infer had returned. May free the inference. */
void weft_inference_ended(struct weft_inference *inference);
/* Gives it its instance. */
void weft_inference_start(struct weft_inference *inference);
/* Answers the caller with this error; the plugin is asked to end. May free the inference. */
void weft_inference_give_up(struct weft_inference *inference, enum weft_status status,
                            const char *why);
/* Sets the timer of the deadline, if there is one. */
enum weft_status weft_inference_arm(struct weft_inference *inference,
                                    struct weft_error **error) WEFT_MUST_CHECK;

/* --- outputs.c: on the plugin's thread --- */

/* Remembers the first thing that a plugin did wrong. With the lock held. */
void weft_inference_note_misuse(struct weft_inference *inference, const char *format, ...)
    WEFT_PRINTF(2, 3);
#define weft_inference_misuse(inference, ...)                                                      \
    do {                                                                                           \
        pthread_mutex_lock(&(inference)->model->lock);                                             \
        weft_inference_note_misuse((inference), __VA_ARGS__);                                      \
        pthread_mutex_unlock(&(inference)->model->lock);                                           \
    } while (0)

/* Memory from the node's pool; NULL if out of memory, or where the model was left. */
struct weft_buffer *weft_model_allocate(struct weft_model *model, size_t size_bytes);
/* Counts what the model's backend holds. */
void weft_model_hold(struct weft_model *model, size_t size_bytes);
void weft_model_let_go(struct weft_model *model, size_t size_bytes);
bool weft_inference_wants(const struct weft_inference *inference, size_t index);
/* The wanted outputs that were made, into items with room for all; drops what was made. */
enum weft_status weft_inference_collect(struct weft_inference *inference,
                                        struct weft_named_value *items, size_t *count,
                                        struct weft_error **error) WEFT_MUST_CHECK;
/* Members of the host table. */
void *weft_host_output(struct weft_model_call *call, const char *name, enum weft_datatype datatype,
                       const struct weft_shape *shape, size_t size_bytes);
bool weft_host_forward(struct weft_model_call *call, const char *name, size_t input_index);
bool weft_host_output_take(struct weft_model_call *call, const char *name,
                           enum weft_datatype datatype, const struct weft_shape *shape,
                           void *memory, size_t size_bytes,
                           void (*release)(void *memory, void *context), void *context);
bool weft_host_set_content_type(struct weft_model_call *call, const char *name,
                                const char *content_type);
bool weft_host_wanted(struct weft_model_call *call, const char *name);

/* --- host.c: what plugins call --- */

/* Runs the plugin's infer (on the thread where it may) up to `returned`; true where it has also
 * completed. */
bool weft_inference_run(struct weft_inference *inference);
/* Drops what was made and not emitted. */
void weft_inference_drop_made(struct weft_inference *inference);
void weft_part_free(struct weft_part *part);

#endif
