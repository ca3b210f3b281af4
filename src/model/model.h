/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_MODEL_MODEL_H
#define WEFT_MODEL_MODEL_H

/*
 * A loaded model: one version of one model directory, whatever its backend. It is made by the
 * repository (model/repository.h) and shared by reference; everything here belongs to the loop's
 * thread. Inference itself runs on threads of the model's own, one for each call that
 * instance_group.count allows, so a model that hangs holds up nobody but its own callers; models
 * whose plugin says WEFT_MODEL_INLINE run on the loop.
 *
 * A call completes exactly once, on the loop and never from inside weft_model_infer. A call whose
 * deadline passes, or that is cancelled, completes to its caller at once; its instance stays busy
 * until the backend returns.
 */

#include <stdint.h>
#include <weft/error.h>

#include "base/message.h"
#include "base/parameters.h"
#include "base/trace.h"
#include "base/value.h"

struct weft_model;
struct weft_inference;

/* Calls that wait for an instance of one model; more are RESOURCE_EXHAUSTED. The scheduler's slots
 * bound it long before, this holds for callers that go past it. */
enum { WEFT_MODEL_QUEUE_MAX = 1024 };
/* instance_group.count of one model; each is a thread. */
enum { WEFT_MODEL_INSTANCES_MAX = 64 };
/* How long every instance may be held by calls whose callers are gone before the model counts as
 * stuck: one that ends what was cancelled is free again much sooner. */
#define WEFT_MODEL_STUCK_NS (UINT64_C(1000) * 1000 * 1000)
/* Parts of a streamed answer that the loop has not yet taken; a plugin's emit waits beyond it. */
enum { WEFT_MODEL_PARTS_MAX = 64 };

/* Borrowed for the length of weft_model_infer; values are kept by reference. */
struct weft_model_request {
    const struct weft_values *inputs;
    const struct weft_parameters *parameters; /* NULL = none */
    const char *const *wanted;                /* names of outputs; wanted_count 0 = all */
    size_t wanted_count;
    const char *request_id; /* NULL = none */
    uint64_t deadline_ns;   /* of the loop's clock; WEFT_DEADLINE_NEVER_NS = none */
    struct weft_trace trace;
};

/* What a call took. */
struct weft_model_usage {
    uint64_t queue_ns;   /* from submit until the backend was called */
    uint64_t compute_ns; /* from then until it completed; 0 if it never ran */
    uint64_t generation; /* of the model when the call completed */
};

struct weft_model_events {
    /* One part of a streamed answer, in order. May be NULL: then a model that streams is refused.
     * values are borrowed. */
    void (*on_part)(void *context, const struct weft_values *values);
    /* The end, exactly once. error NULL = it worked; borrowed, as values are (what was not emitted
     * as a part: all outputs of a model that doesn't stream). The inference is gone afterwards. */
    void (*on_done)(void *context, struct weft_error *error, const struct weft_values *values,
                    const struct weft_model_usage *usage);
};

struct weft_model *weft_model_ref(struct weft_model *model);
/* NULL is fine. */
void weft_model_unref(struct weft_model *model);

/* Names, tensors, needs, generation; borrowed, changes only between turns of the loop. */
const struct weft_model_info *weft_model_info(const struct weft_model *model);
/* instance_group.count. */
uint32_t weft_model_instances(const struct weft_model *model);
/* Calls that have an instance now, those given up by their callers included. */
uint32_t weft_model_running(const struct weft_model *model);
/* Of those, the ones whose callers have been answered: they only hold an instance. */
uint32_t weft_model_stuck(const struct weft_model *model);
/* What the backend holds: what its load allocated; outputs, and aligned copies of inputs, of calls
 * under way; memory of its own that values still refer to. 0 = what its load took is not known. */
uint64_t weft_model_memory_bytes(const struct weft_model *model);

/* Checks the request against the metadata without running it. INVALID_ARGUMENT names the tensor. */
enum weft_status weft_model_check(const struct weft_model *model,
                                  const struct weft_model_request *request,
                                  struct weft_error **error) WEFT_MUST_CHECK;
/* Starts an inference. On failure no event comes: INVALID_ARGUMENT for what the metadata forbids,
 * UNAVAILABLE where the model is being unloaded or all its instances have been stuck for
 * WEFT_MODEL_STUCK_NS (calls that wait then end with it, too), RESOURCE_EXHAUSTED where its queue
 * is full, DEADLINE_EXCEEDED where it is too late. events must live until on_done. ret_inference
 * may be NULL. */
enum weft_status weft_model_infer(struct weft_model *model,
                                  const struct weft_model_request *request,
                                  const struct weft_model_events *events, void *context,
                                  struct weft_inference **ret_inference,
                                  struct weft_error **error) WEFT_MUST_CHECK;
/* Gives up: on_done comes with CANCELLED, later in this turn. Harmless where the end is already on
 * its way. */
void weft_inference_cancel(struct weft_inference *inference);

#endif
