/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SUPPORT_PLUGIN_HOST_H
#define TESTS_SUPPORT_PLUGIN_HOST_H

/*
 * A small host of the model plugin ABI, for tests of one plugin alone: loads one model, asks it,
 * and asserts on anything that the ABI does not allow. Each output has an allocation of its own and
 * exact size, so that a sanitizer sees what is written past it. Used from the test's thread only.
 */

#include <weft/model.h>

struct plugin_host;

/* All is borrowed until plugin_host_close. */
struct plugin_host_setup {
    const char *plugin; /* the shared object */
    const char *model_directory;
    const char *state_directory;           /* NULL = none */
    const char *model_file;                /* what default_model_filename says; NULL = nothing */
    const struct weft_tensor_spec *inputs; /* as config.pbtxt lists them */
    size_t inputs_count;
    const struct weft_tensor_spec *outputs;
    size_t outputs_count;
    const char *const (*options)[2]; /* name and value as text; what is left out has its default */
    size_t options_count;
};

/* Opens the plugin and loads the model; the status is the load's, and only close is allowed after a
 * failure. */
struct plugin_host *plugin_host_open(const struct plugin_host_setup *setup,
                                     enum weft_status *ret_status);
void plugin_host_close(struct plugin_host *host);
/* What the plugin said of a failing load; "" if nothing. */
const char *plugin_host_reason(const struct plugin_host *host);
uint64_t plugin_host_generation(const struct plugin_host *host);
struct weft_model_metadata plugin_host_metadata(const struct plugin_host *host);

struct plugin_host_request {
    const struct weft_tensor *inputs;
    size_t inputs_count;
    const struct weft_parameter *parameters;
    size_t parameters_count;
    const char *wanted;       /* the one output wanted; NULL = all */
    unsigned cancel_after_ms; /* cancelled from another thread after that time; 0 = never */
    bool cancelled;           /* cancelled before it begins */
};

enum { PLUGIN_HOST_OUTPUTS_MAX = 16 };

struct plugin_host_output {
    char name[64];
    enum weft_datatype datatype;
    struct weft_shape shape;
    void *data;
    size_t size_bytes;
    void (*release)(void *memory, void *context); /* NULL = the host's own memory */
    void *context;
};

struct plugin_host_answer {
    enum weft_status status;
    char reason[1024];
    struct plugin_host_output outputs[PLUGIN_HOST_OUTPUTS_MAX];
    size_t outputs_count;
};

/* One request, from beginning to end. */
void plugin_host_ask(struct plugin_host *host, const struct plugin_host_request *request,
                     struct plugin_host_answer *ret_answer);
/* The output of that name; fails the test where there is none. */
const struct plugin_host_output *plugin_host_output(const struct plugin_host_answer *answer,
                                                    const char *name);
void plugin_host_answer_fini(struct plugin_host_answer *answer);

/* A BYTES [1] tensor of one element, in raw form; its data is the caller's to free(). */
struct weft_tensor plugin_host_bytes(const char *name, const void *data, size_t size_bytes);

#endif
