/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_MODEL_H
#define WEFT_MODEL_H

/*
 * The plugin ABI of a model: a shared object exports one const descriptor, `weft_model_plugin`, and
 * calls back only through the host table that it is given, so it links with nothing of Weft's. All
 * strings are UTF-8 and terminated.
 *
 * Order of calls: load, then any number of infer (each ended by exactly one complete, from any
 * thread), then unload when no call is open. The host never runs more infer calls of one instance
 * at once than `instance_group.count` of the model's configuration says (default 1), so a plugin
 * that is not thread-safe need do nothing about it.
 *
 * Threads: load, infer and unload run on an executor thread, where blocking is allowed; with the
 * descriptor's WEFT_MODEL_INLINE flag infer runs on the event loop and must return within some
 * microseconds. cancel runs on the event loop while infer may be running elsewhere: it only asks,
 * and must not block. It is never called before infer was nor after complete was entered, but infer
 * may not have come far (plugin_data may not be set yet: read and write it atomically if both use
 * it); what cancel needs is therefore given up after complete has returned.
 *
 * What a plugin gets wrong (a second complete, an output twice, of the wrong size or written past
 * its end) becomes an INTERNAL error of the call where the host can see it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weft/datatype.h>
#include <weft/parameter.h>
#include <weft/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Counts up when the layout or the contract changes; a host refuses another number. */
#define WEFT_MODEL_ABI 1

/* One named tensor that a model takes or gives; -1 dimensions are any. */
struct weft_tensor_spec {
    const char *name;
    enum weft_datatype datatype;
    struct weft_shape shape;
    bool optional; /* an input that need not be given */
};

/* A tensor as a plugin sees it: borrowed, read-only, valid until complete. BYTES data is OIP's raw
 * form: each element a 4-byte little-endian length and that many bytes. Data is aligned to 64 bytes
 * where the host had the choice and to the element size always. */
struct weft_tensor {
    const char *name;
    enum weft_datatype datatype;
    struct weft_shape shape;
    const void *data;
    size_t size_bytes;
    const char *content_type; /* for encoded media, "" if unknown */
};

enum weft_log_level { WEFT_LOG_DEBUG, WEFT_LOG_INFO, WEFT_LOG_WARNING, WEFT_LOG_ERROR };

struct weft_model_call;
struct weft_model_handle; /* the host's side of a loaded model */

/* What a plugin may ask of its host. Tables of a later ABI minor only grow: size_bytes says how far
 * this one goes. */
struct weft_model_host {
    size_t size_bytes;

    /* Writes one log line that names the model. call may be NULL. Any thread. */
    void (*log)(struct weft_model_handle *handle, struct weft_model_call *call,
                enum weft_log_level level, const char *text);

    /* The directory where this model may keep state between runs of the node; made by the host.
     * NULL if the node keeps none. Valid until unload. */
    const char *(*state_directory)(struct weft_model_handle *handle);
    /* The directory of the model's version ("…/face/1"), valid until unload. */
    const char *(*model_directory)(struct weft_model_handle *handle);

    /* Says that the model now answers differently than before (something was learned): caches see
     * another generation and metadata shows it. Any thread. */
    void (*set_generation)(struct weft_model_handle *handle, uint64_t generation);

    /* Puts the reason of a failing load into the error that the user sees. Returns status, for
     * `return host->fail(…)`. */
    enum weft_status (*fail)(struct weft_model_handle *handle, enum weft_status status,
                             const char *text);

    /* Allocates the output `name` and returns its writable memory, of size_bytes as shape and
     * datatype say (BYTES: as given by size_bytes, raw form). NULL if out of memory, if the name is
     * not one of the model's outputs or the size doesn't fit the shape. Written by the plugin
     * before emit or complete; one call allocates from one thread. */
    void *(*output)(struct weft_model_call *call, const char *name, enum weft_datatype datatype,
                    const struct weft_shape *shape, size_t size_bytes);
    /* Gives an input on as the output `name` without copying it. False where the index or name is
     * wrong. */
    bool (*forward)(struct weft_model_call *call, const char *name, size_t input_index);
    /* Sets a media type on an output that output or forward has made. */
    bool (*set_content_type)(struct weft_model_call *call, const char *name,
                             const char *content_type);

    /* Whether the caller only wants some outputs, and this is none of them; it may then be left
     * out. */
    bool (*wanted)(struct weft_model_call *call, const char *name);
    /* Whether the call has been cancelled or its deadline has passed; a long infer asks now and
     * then. Any thread. */
    bool (*cancelled)(struct weft_model_call *call);

    /* Sends the outputs made so far as one part of a streamed answer, and starts the next part. */
    enum weft_status (*emit)(struct weft_model_call *call);
    /* Ends the call, exactly once; the call's memory is gone afterwards. text says what went wrong
     * (NULL on WEFT_OK). Outputs that were made but not emitted are the (last) answer. Any thread.
     */
    void (*complete)(struct weft_model_call *call, enum weft_status status, const char *text);

    /* Gives memory of the plugin's own as the output `name`, without a copy: the host reads it
     * until it calls release(memory, context), on any thread, even after the call has ended; the
     * model is not unloaded before. False, and then the memory is still the plugin's, where
     * `output` would return NULL. */
    bool (*output_take)(struct weft_model_call *call, const char *name, enum weft_datatype datatype,
                        const struct weft_shape *shape, void *memory, size_t size_bytes,
                        void (*release)(void *memory, void *context), void *context);
    /* The tensors that config.pbtxt lists, for a plugin that takes them from there (or checks its
     * own against them); the host refuses a load whose metadata contradicts them. Valid until
     * unload. */
    const struct weft_tensor_spec *(*configured_inputs)(struct weft_model_handle *handle,
                                                        size_t *ret_count);
    const struct weft_tensor_spec *(*configured_outputs)(struct weft_model_handle *handle,
                                                         size_t *ret_count);
    /* The file that default_model_filename names in the version's directory; NULL where it names
     * none. Valid until unload. */
    const char *(*model_file)(struct weft_model_handle *handle);
};

/* One inference. The fields are the host's and const for the plugin, except plugin_data. */
struct weft_model_call {
    const struct weft_model_host *host;
    struct weft_model_handle *handle;
    const struct weft_tensor *inputs;
    size_t inputs_count;
    const struct weft_parameter *parameters;
    size_t parameters_count;
    const char *request_id; /* never NULL */
    uint64_t timeout_ns; /* what is left of the deadline when infer is called; UINT64_MAX = none */
    void *plugin_data;   /* the plugin's own, e.g. for cancel */
};

enum weft_option_kind {
    WEFT_OPTION_BOOL,
    WEFT_OPTION_INT64,
    WEFT_OPTION_DOUBLE,
    WEFT_OPTION_STRING
};

/* One setting that config.pbtxt may give under `parameters`. The host checks kind and range before
 * load and refuses unknown names, with a suggestion. Names that begin with "weft." are the host's;
 * a table may list one to see it too. */
struct weft_model_option {
    const char *name; /* NULL ends the table */
    enum weft_option_kind kind;
    const char *default_value; /* as text; NULL = must be given */
    double minimum, maximum;   /* for numbers; both 0 = any */
    const char *help;
};

struct weft_model_metadata {
    const struct weft_tensor_spec *inputs;
    size_t inputs_count;
    const struct weft_tensor_spec *outputs;
    size_t outputs_count;
    bool deterministic; /* equal inputs and parameters give equal outputs, bit for bit, within one
                           generation */
    bool streaming;     /* may emit more than one part */
};

/* infer runs on the event loop: for models that only look at or hand on their input. */
#define WEFT_MODEL_INLINE (1u << 0)

struct weft_model_plugin {
    uint32_t abi; /* WEFT_MODEL_ABI */
    uint32_t flags;
    const char *name;    /* the backend's name in config.pbtxt */
    const char *version; /* of the plugin, for metadata */
    const char *description;
    const struct weft_model_option *options; /* NULL = none */

    /* Loads a model. options are checked, complete (defaults filled in) and in the order of the
     * table. On success *ret_model is handed to all that follows. host and handle stay valid until
     * unload returns. */
    enum weft_status (*load)(const struct weft_model_host *host, struct weft_model_handle *handle,
                             const struct weft_parameter *options, size_t options_count,
                             void **ret_model);
    /* The model's tensors; the arrays stay valid and constant until unload. */
    void (*metadata)(const void *model, struct weft_model_metadata *ret_metadata);
    /* Starts an inference; ends by host->complete, within this call or later. The host has checked
     * that the inputs are those of the metadata, with fitting datatypes, shapes and sizes. */
    void (*infer)(void *model, struct weft_model_call *call);
    /* Asks an inference that has not completed to end soon; complete is still owed. May be NULL. */
    void (*cancel)(void *model, struct weft_model_call *call);
    void (*unload)(void *model);
};

/* The symbol that the host looks up. */
#define WEFT_MODEL_PLUGIN_SYMBOL "weft_model_plugin"
#define WEFT_MODEL_EXPORT __attribute__((visibility("default")))
extern WEFT_MODEL_EXPORT const struct weft_model_plugin weft_model_plugin;

#ifdef __cplusplus
}
#endif
#endif
