/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_WIRE_OIP_H
#define WEFT_WIRE_OIP_H

/*
 * The Open Inference Protocol v2 as neutral structures, whatever they came in as; oip_grpc.h and
 * oip_json.h turn them into bytes and back. They own what they point to and belong to one thread at
 * a time; the values inside may be shared.
 *
 * Alignment: a received tensor is a part of the message and may start at any address. Who needs it
 * aligned (a model) copies it; codecs read it bytewise.
 */

#include <weft/model.h>

#include "base/message.h"
#include "base/parameters.h"
#include "base/value.h"

enum {
    /* A name, version or id in a request: what is longer is no name and would only fill logs. */
    WEFT_OIP_NAME_MAX_BYTES = 1024,
    /* A string parameter. */
    WEFT_OIP_STRING_MAX_BYTES = 64 * 1024,
};

/* An output that a client asks for. */
struct weft_oip_output {
    char *name;
    struct weft_parameters parameters;
    bool binary; /* REST: as binary data behind the JSON */
    bool base64; /* REST: BYTES elements in base64 (parameter content_type "base64") */
};

struct weft_oip_request {
    char *model;   /* NULL where the path says it (REST) */
    char *version; /* NULL = none asked for */
    char *id;      /* NULL = none */
    struct weft_parameters parameters;
    struct weft_values inputs;       /* a tensor's parameters are its value's */
    struct weft_oip_output *outputs; /* none = all */
    size_t outputs_count;
    bool binary_outputs; /* REST: all that `outputs` does not say otherwise are binary */
};

struct weft_oip_response {
    char *model;
    char *version; /* NULL = none */
    char *id;      /* NULL = none */
    struct weft_parameters parameters;
    struct weft_values outputs;
};

void weft_oip_request_fini(struct weft_oip_request *request);
void weft_oip_response_fini(struct weft_oip_response *response);
/* Adds an output that is asked for, of that name; INVALID_ARGUMENT for a name twice,
 * RESOURCE_EXHAUSTED beyond WEFT_VALUES_MAX. *ret_output is valid until the next is added. */
enum weft_status weft_oip_request_add_output(struct weft_oip_request *request, const char *name,
                                             struct weft_oip_output **ret_output,
                                             struct weft_error **error) WEFT_MUST_CHECK;
/* Whether the client wants the output of this name. */
bool weft_oip_request_wants(const struct weft_oip_request *request, const char *name);

/* ServerMetadata; borrowed. */
struct weft_oip_server {
    const char *name;
    const char *version;
    const char *const *extensions;
    size_t extensions_count;
};

/* ModelMetadata; borrowed. Of info: name, platform, inputs, outputs, generation. */
struct weft_oip_model {
    const struct weft_model_info *info;
    const char *const *versions;
    size_t versions_count;
};

/* One line of the repository's index; borrowed. */
struct weft_oip_index_entry {
    const char *name;
    const char *version; /* NULL = none */
    const char *state;   /* "READY", "UNAVAILABLE", "LOADING", ... */
    const char *reason;  /* NULL = none */
};

#define cleanup_oip_request WEFT_CLEANUP(weft_oip_request_fini)
#define cleanup_oip_response WEFT_CLEANUP(weft_oip_response_fini)

#endif
