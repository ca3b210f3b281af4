/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_MODEL_CONFIG_H
#define WEFT_MODEL_CONFIG_H

/*
 * A model's config.pbtxt: what we take of Triton's ModelConfig, checked. What of it changes nothing
 * here (batching hints, warm-up, ...) is warned about, what would change the model's meaning is
 * refused; both with file, line and column. A parsed configuration is constant and shared between
 * the versions of a model by an atomic count. Any thread.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <weft/error.h>
#include <weft/model.h>

#include "base/text.h"
#include "model/pbtxt.h"

/* Triton's own files have a few KiB. */
enum { WEFT_CONFIG_SIZE_MAX_BYTES = 1024 * 1024 };
/* Settings of one model: as many as fit into the list that a plugin is given. */
enum { WEFT_CONFIG_SETTINGS_MAX = 64 };
/* Versions that one policy can name: as many as are looked at. */
enum { WEFT_CONFIG_VERSIONS_MAX = 64 };

enum weft_version_policy { WEFT_VERSIONS_LATEST = 0, WEFT_VERSIONS_ALL, WEFT_VERSIONS_SPECIFIC };

/* One entry of `parameters`. */
struct weft_config_setting {
    char *name;
    char *value;
    struct weft_pbtxt_place place;       /* of the name */
    struct weft_pbtxt_place value_place; /* of the value */
};

struct weft_config {
    atomic_uint references;
    char *file; /* as messages name it: "face/config.pbtxt" */
    char *name; /* NULL = not said, as all strings here */
    char *platform;
    char *backend;
    char *default_model_filename;
    struct weft_pbtxt_place backend_place;
    uint32_t batch_max; /* max_batch_size; above 0 shapes begin with a -1 for it */
    bool decoupled;     /* model_transaction_policy */
    uint32_t instances; /* at least 1 */
    enum weft_version_policy policy;
    uint32_t latest_count; /* of WEFT_VERSIONS_LATEST; 1 where nothing is said */
    uint64_t versions[WEFT_CONFIG_VERSIONS_MAX];
    size_t versions_count; /* of WEFT_VERSIONS_SPECIFIC */
    struct weft_tensor_spec *inputs;
    size_t inputs_count;
    struct weft_tensor_spec *outputs;
    size_t outputs_count;
    struct weft_config_setting *settings;
    size_t settings_count;
};

/* file names the text in messages. Warnings, a line each, go into warnings (NULL = not wanted). An
 * empty text is a valid configuration. */
enum weft_status weft_config_parse(const char *file, const char *text, size_t length,
                                   struct weft_text *warnings, struct weft_config **ret_config,
                                   struct weft_error **error) WEFT_MUST_CHECK;
struct weft_config *weft_config_ref(struct weft_config *config);
/* NULL is fine. */
void weft_config_unref(struct weft_config *config);
/* NULL if there is none of that name. */
const struct weft_config_setting *weft_config_find(const struct weft_config *config,
                                                   const char *name);
/* Sets an error that names the place: "face/config.pbtxt:7:3: ". Returns INVALID_ARGUMENT. */
enum weft_status weft_config_complain(const struct weft_config *config,
                                      struct weft_pbtxt_place place, struct weft_error **error,
                                      const char *format, ...) WEFT_PRINTF(4, 5);
/* Text to values of a setting; false where it is none. Sizes may end in KiB, MiB, GiB or TiB. */
bool weft_config_read_bool(const char *text, bool *ret_boolean);
bool weft_config_read_int64(const char *text, int64_t *ret_number);
bool weft_config_read_size(const char *text, uint64_t *ret_size_bytes);

WEFT_DEFINE_CLEANUP(struct weft_config, weft_config_unref)
#define cleanup_config WEFT_CLEANUP(weft_config_unref_cleanup)

#endif
