/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "serve/serve_parts.h"
#include "wire/json.h"

/*
 * The model repository extension. The index lists everything that can be called here: the models
 * of this node's directory, whatever their state, the ready ones of other nodes, and the pipelines.
 * Loads and unloads are of this node's own directory, by name; configurations and files are never
 * taken over the wire.
 */

/* --- the index --- */

struct index {
    struct weft_repository_index own;
    struct weft_oip_index_entry *entries; /* borrowed texts */
    size_t count;
    size_t capacity;
    bool failed;
};

static void index_fini(struct index *index)
{
    weft_repository_index_fini(&index->own);
    free(index->entries);
}

static void add(struct index *index, const char *name, const char *version, const char *state,
                const char *reason)
{
    if (index->count == index->capacity) {
        size_t capacity = index->capacity > 0 ? index->capacity * 2 : 16;
        struct weft_oip_index_entry *entries =
            realloc(index->entries, capacity * sizeof(*index->entries));
        if (entries == NULL) {
            index->failed = true;
            return;
        }
        index->entries = entries;
        index->capacity = capacity;
    }
    index->entries[index->count++] = (struct weft_oip_index_entry){
        .name = name,
        .version = version[0] != '\0' ? version : NULL,
        .state = state,
        .reason = reason != NULL && reason[0] != '\0' ? reason : NULL,
    };
}

static bool listed(const struct index *index, const char *name, const char *version)
{
    for (size_t i = 0; i < index->count; i++) {
        const char *other = index->entries[i].version;
        if (strcmp(index->entries[i].name, name) == 0 &&
            strcmp(other != NULL ? other : "", version) == 0) {
            return true;
        }
    }
    return false;
}

static void add_other_nodes(struct weft_run *run, struct index *index)
{
    for (size_t i = 0; i < weft_run_nodes_count(run); i++) {
        const struct weft_node_info *node = weft_run_node_at(run, i);
        if (node == NULL || strcmp(node->name, weft_run_self(run)->name) == 0) {
            continue;
        }
        for (size_t model = 0; model < node->models_count; model++) {
            const struct weft_model_info *info = &node->models[model];
            if (info->ready && !listed(index, info->name, info->version)) {
                add(index, info->name, info->version, "READY", NULL);
            }
        }
    }
}

static void add_pipelines(struct weft_run *run, bool ready_only, struct index *index)
{
    for (size_t i = 0; i < weft_run_pipelines_count(run); i++) {
        const struct weft_pipeline *pipeline = weft_run_pipeline_at(run, i);
        struct weft_model_info info;
        if (weft_run_describe(run, pipeline->name, NULL, &info, NULL) != WEFT_OK) {
            continue;
        }
        bool ready = info.ready;
        weft_model_info_fini(&info);
        if (ready || !ready_only) {
            add(index, pipeline->name, pipeline->version[0] != '\0' ? pipeline->version : "1",
                ready ? "READY" : "UNAVAILABLE", ready ? NULL : "a model of it is not ready");
        }
    }
}

static enum weft_status make_index(struct weft_serve *serve, bool ready_only,
                                   struct index *ret_index, struct weft_error **error)
{
    struct weft_run *run = serve->options.run;
    struct index index = {0};
    enum weft_status status =
        weft_repository_index(weft_run_repository(run), ready_only, &index.own, error);
    if (status != WEFT_OK) {
        return status;
    }
    for (size_t i = 0; i < index.own.count; i++) {
        const struct weft_repository_entry *entry = &index.own.entries[i];
        add(&index, entry->name, entry->version, weft_model_state_name(entry->state),
            entry->reason);
    }
    add_other_nodes(run, &index);
    add_pipelines(run, ready_only, &index);
    if (index.failed) {
        index_fini(&index);
        return weft_error_set_out_of_memory(error);
    }
    *ret_index = index;
    return WEFT_OK;
}

void serve_rest_index(struct weft_serve *serve, struct visit *visit)
{
    cleanup_error struct weft_error *error = NULL;
    cleanup_slice struct weft_slice body = {0};
    bool ready_only = false;
    int http_status = 0;
    struct index index;
    enum weft_status status = serve_visit_body(visit, &body, &http_status, &error);
    if (status == WEFT_OK) {
        status = weft_oip_json_index_decode(&body, &ready_only, &error);
    }
    if (status == WEFT_OK) {
        status = make_index(serve, ready_only, &index, &error);
    }
    if (status != WEFT_OK) {
        serve_respond_error(visit, http_status, error);
        return;
    }
    struct weft_text text = {0};
    weft_oip_json_index(index.entries, index.count, &text);
    serve_respond_json(visit, 200, &text);
    index_fini(&index);
}

void serve_grpc_index(struct weft_serve *serve, struct talk *talk, const struct weft_slice *message)
{
    cleanup_error struct weft_error *error = NULL;
    cleanup_slices struct weft_slices slices = {0};
    bool ready_only = false;
    struct index index;
    enum weft_status status = weft_oip_grpc_index_decode(message, &ready_only, &error);
    if (status == WEFT_OK) {
        status = make_index(serve, ready_only, &index, &error);
    }
    if (status == WEFT_OK) {
        status = weft_oip_grpc_index_encode(index.entries, index.count, &slices, &error);
        index_fini(&index);
    }
    serve_conclude(talk, status, &slices, error);
}

/* --- load and unload --- */

/* One that is under way; it is carried through even if the client leaves. */
struct change {
    struct weft_serve *serve;
    struct visit visit; /* entry NULL: over gRPC */
    struct talk talk;
};

static void change_done(void *context, struct weft_error *error)
{
    struct change *change = context;
    struct weft_serve *serve = change->serve;
    if (change->visit.entry == NULL) {
        cleanup_slices struct weft_slices empty = {0};
        serve_conclude(&change->talk, weft_error_status(error), &empty, error);
    } else if (error != NULL) {
        serve_respond_error(&change->visit, 0, error);
    } else {
        serve_respond_empty(&change->visit, 200);
    }
    free(change);
    serve_release(serve);
}

/* On failure nothing is under way, and the caller answers. */
static enum weft_status begin(struct weft_serve *serve, const struct visit *visit,
                              const struct talk *talk, const char *name, bool load,
                              struct weft_error **error)
{
    struct weft_repository *repository = weft_run_repository(serve->options.run);
    struct change *change = calloc(1, sizeof(*change));
    if (change == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    change->serve = serve;
    if (visit != NULL) {
        change->visit = *visit;
    } else {
        change->talk = *talk;
    }
    enum weft_status status =
        load ? weft_repository_load(repository, name, change_done, change, error)
             : weft_repository_unload(repository, name, change_done, change, error);
    if (status != WEFT_OK) {
        free(change);
        return status;
    }
    serve_hold(serve);
    return WEFT_OK;
}

static enum weft_status refuse_parameter(const char *name, struct weft_error **error)
{
    enum weft_status status =
        weft_error_set(error, WEFT_INVALID_ARGUMENT, "the parameter \"%s\" is not taken", name);
    weft_error_set_hint(error, "models and their configuration come from the node's own directory "
                               "only");
    return status;
}

/* The one parameter that clients send by habit, and that changes nothing here. */
static bool is_harmless(const char *name)
{
    return strcmp(name, "unload_dependents") == 0;
}

/* {"parameters": {...}}, or nothing. */
static enum weft_status check_body(const struct weft_slice *body, struct weft_error **error)
{
    struct weft_json json;
    bool first = true;
    char key[64];
    weft_json_init(&json, body->data, body->size_bytes);
    while (weft_json_peek(&json) != 0 && weft_json_member(&json, &first, key, sizeof(key))) {
        bool first_parameter = true;
        if (strcmp(key, "parameters") != 0) {
            weft_json_skip(&json);
            continue;
        }
        while (weft_json_member(&json, &first_parameter, key, sizeof(key))) {
            if (!is_harmless(key)) {
                return refuse_parameter(key, error);
            }
            weft_json_skip(&json);
        }
    }
    return weft_json_end(&json, "the JSON", error);
}

static void rest_change(struct weft_serve *serve, struct visit *visit, bool load)
{
    cleanup_error struct weft_error *error = NULL;
    cleanup_slice struct weft_slice body = {0};
    int http_status = 0;
    enum weft_status status = serve_visit_body(visit, &body, &http_status, &error);
    if (status == WEFT_OK && body.size_bytes > 0) {
        status = check_body(&body, &error);
    }
    if (status == WEFT_OK) {
        status = begin(serve, visit, NULL, weft_exchange_parameter(visit->exchange, "model"), load,
                       &error);
    }
    if (status != WEFT_OK) {
        serve_respond_error(visit, http_status, error);
    }
}

void serve_rest_load(struct weft_serve *serve, struct visit *visit)
{
    rest_change(serve, visit, true);
}

void serve_rest_unload(struct weft_serve *serve, struct visit *visit)
{
    rest_change(serve, visit, false);
}

static void grpc_change(struct weft_serve *serve, struct talk *talk,
                        const struct weft_slice *message, bool load)
{
    cleanup_error struct weft_error *error = NULL;
    cleanup_oip_name struct weft_oip_name asked = {0};
    enum weft_status status = weft_oip_grpc_load_decode(message, &asked, &error);
    for (size_t i = 0; status == WEFT_OK && i < asked.parameters.count; i++) {
        if (!is_harmless(asked.parameters.items[i].name)) {
            status = refuse_parameter(asked.parameters.items[i].name, &error);
        }
    }
    if (status == WEFT_OK) {
        status = begin(serve, NULL, talk, asked.name, load, &error);
    }
    if (status != WEFT_OK) {
        serve_finish(talk, error);
    }
}

void serve_grpc_load(struct weft_serve *serve, struct talk *talk, const struct weft_slice *message)
{
    grpc_change(serve, talk, message, true);
}

void serve_grpc_unload(struct weft_serve *serve, struct talk *talk,
                       const struct weft_slice *message)
{
    grpc_change(serve, talk, message, false);
}
