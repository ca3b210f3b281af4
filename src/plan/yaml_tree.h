/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_PLAN_YAML_TREE_H
#define WEFT_PLAN_YAML_TREE_H

/*
 * A YAML file as a tree whose nodes know their line and column, so that whoever reads it can point
 * at what is wrong. It is the part of YAML that settings need: one document of mappings, sequences
 * and scalars. Anchors, aliases and tags are refused (they make small files large, and pictures of
 * a file unlike it), and so are keys that stand twice. The tree belongs to its document. Pure; one
 * thread at a time.
 */

#include "base/message.h"
#include "plan/diagnostics.h"

/* A pipeline of WEFT_PLAN_STEPS_MAX steps needs a fifth of it. */
enum { WEFT_YAML_SIZE_MAX_BYTES = 1 << 20 };
/* A tensor literal of WEFT_RANK_MAX dimensions sits 12 deep; recursion stays harmless. */
enum { WEFT_YAML_DEPTH_MAX = 32 };
/* Keys of one mapping: twice the steps of the largest pipeline; finding them is linear. */
enum { WEFT_YAML_KEYS_MAX = 2048 };

enum weft_yaml_kind {
    WEFT_YAML_SCALAR,
    WEFT_YAML_SEQUENCE,
    WEFT_YAML_MAPPING,
};

struct weft_yaml_node;

struct weft_yaml_entry {
    struct weft_yaml_node *key; /* a scalar; NULL in a sequence */
    struct weft_yaml_node *value;
};

struct weft_yaml_node {
    enum weft_yaml_kind kind;
    struct weft_location at;
    bool quoted; /* of a scalar: it is a string, whatever it looks like */
    char *text;  /* of a scalar: UTF-8, terminated; without zero bytes inside */
    size_t length;
    struct weft_yaml_entry *entries; /* of a sequence or mapping, in the file's order */
    size_t count;
    size_t capacity;
};

struct weft_yaml;

/* Reads a document. What is wrong with the text goes to diagnostics, and the status is
 * INVALID_ARGUMENT. */
enum weft_status weft_yaml_parse(const char *text, size_t length,
                                 struct weft_diagnostics *diagnostics, struct weft_yaml **ret_yaml,
                                 struct weft_error **error) WEFT_MUST_CHECK;
/* NULL is fine. */
void weft_yaml_free(struct weft_yaml *yaml);
/* NULL for an empty document. */
const struct weft_yaml_node *weft_yaml_root(const struct weft_yaml *yaml);

/* The value under a key of a mapping, NULL if there is none. */
const struct weft_yaml_node *weft_yaml_find(const struct weft_yaml_node *mapping, const char *key);
/* "a string", "a list", "a mapping", ...; for messages. NULL is "nothing". */
const char *weft_yaml_kind_name(const struct weft_yaml_node *node);

/* Scalars as YAML 1.2's core schema reads them; a quoted scalar is none of these. False where it is
 * not one. */
bool weft_yaml_is_null(const struct weft_yaml_node *node);
WEFT_MUST_CHECK bool weft_yaml_bool(const struct weft_yaml_node *node, bool *ret_boolean);
WEFT_MUST_CHECK bool weft_yaml_int64(const struct weft_yaml_node *node, int64_t *ret_number);
WEFT_MUST_CHECK bool weft_yaml_uint64(const struct weft_yaml_node *node, uint64_t *ret_number);
/* Integers too, and .inf and .nan. */
WEFT_MUST_CHECK bool weft_yaml_double(const struct weft_yaml_node *node, double *ret_number);
/* A duration with its unit ("500ms", "2s", "5m", "1h"), plain or quoted. */
WEFT_MUST_CHECK bool weft_yaml_duration_ns(const struct weft_yaml_node *node, uint64_t *ret_ns);
/* Bytes, plain ("1048576") or with a unit of 1024 ("512MiB", "4GiB", "64KiB"). */
WEFT_MUST_CHECK bool weft_yaml_size_bytes(const struct weft_yaml_node *node, uint64_t *ret_bytes);

/* Helpers that report: each adds a finding and returns false where the node is not what it should
 * be. `what` names it
 * ("step \"a\"", "the pipeline"). */

/* A mapping all of whose keys are among keys; unknown ones are each reported, with the nearest
 * known one. */
bool weft_yaml_check_mapping(const struct weft_yaml_node *node, const char *what,
                             const char *const *keys, size_t keys_count,
                             struct weft_diagnostics *diagnostics);
/* A scalar that is not empty, at most WEFT_NAME_MAX bytes. The string is borrowed. NULL where it is
 * not one. */
const char *weft_yaml_check_string(const struct weft_yaml_node *node, const char *what,
                                   struct weft_diagnostics *diagnostics);

WEFT_DEFINE_CLEANUP(struct weft_yaml, weft_yaml_free)
#define cleanup_yaml WEFT_CLEANUP(weft_yaml_free_cleanup)

#endif
