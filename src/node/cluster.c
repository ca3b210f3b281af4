/* SPDX-License-Identifier: Apache-2.0 */
#include "node/cluster.h"

#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "model/repository.h"
#include "plan/yaml_tree.h"
#include "sys/address.h"
#include "sys/file.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct reading {
    const char *path;
    struct weft_diagnostics *diagnostics;
    struct weft_cluster *cluster;
    const struct weft_yaml_node *root;
};

#define COMPLAIN(reading, at, suggestion, ...)                                                     \
    weft_diagnostics_add((reading)->diagnostics, WEFT_SEVERITY_ERROR, at, suggestion, __VA_ARGS__)

/* --- strings --- */

static char *keep(struct reading *reading, const char *text)
{
    char *copy = strdup(text);
    reading->diagnostics->failed = reading->diagnostics->failed || copy == NULL;
    return copy;
}

/* A path of the file, relative to the file's own directory. */
static char *keep_path(struct reading *reading, const char *text)
{
    const char *slash = strrchr(reading->path, '/');
    if (text[0] == '/' || slash == NULL) {
        return keep(reading, text);
    }
    cleanup_text struct weft_text joined = {0};
    weft_text_append(&joined, reading->path, (size_t)(slash + 1 - reading->path));
    weft_text_append_string(&joined, text);
    reading->diagnostics->failed = reading->diagnostics->failed || joined.failed;
    return weft_text_steal(&joined);
}

static void strings_fini(struct weft_strings *strings)
{
    for (size_t i = 0; i < strings->count; i++) {
        free(strings->items[i]);
    }
    free(strings->items);
    free(strings->at);
    *strings = (struct weft_strings){0};
}

static char *read_path(struct reading *reading, const struct weft_yaml_node *mapping,
                       const char *key, struct weft_location *ret_at)
{
    const struct weft_yaml_node *node = weft_yaml_find(mapping, key);
    const char *text =
        node != NULL ? weft_yaml_check_string(node, key, reading->diagnostics) : NULL;
    if (text == NULL) {
        return NULL;
    }
    *ret_at = node->at;
    return keep_path(reading, text);
}

static void read_strings(struct reading *reading, const struct weft_yaml_node *node,
                         const char *what, bool paths, struct weft_strings *ret_strings)
{
    if (node == NULL) {
        return;
    }
    if (node->kind != WEFT_YAML_SEQUENCE) {
        COMPLAIN(reading, node->at, NULL, "%s must be a list, not %s", what,
                 weft_yaml_kind_name(node));
        return;
    }
    ret_strings->items = calloc(node->count + 1, sizeof(char *));
    ret_strings->at = calloc(node->count + 1, sizeof(*ret_strings->at));
    bool well = ret_strings->items != NULL && ret_strings->at != NULL;
    reading->diagnostics->failed = reading->diagnostics->failed || !well;
    for (size_t i = 0; well && i < node->count; i++) {
        const char *text =
            weft_yaml_check_string(node->entries[i].value, what, reading->diagnostics);
        if (text != NULL) {
            ret_strings->at[ret_strings->count] = node->entries[i].value->at;
            ret_strings->items[ret_strings->count++] =
                paths ? keep_path(reading, text) : keep(reading, text);
        }
    }
}

static void refuse_twice(struct reading *reading, const struct weft_strings *strings,
                         const char *what)
{
    for (size_t i = 1; i < strings->count && !reading->diagnostics->failed; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(strings->items[i], strings->items[k]) == 0) {
                COMPLAIN(reading, strings->at[i], NULL, "%s has \"%s\" twice", what,
                         strings->items[i]);
                break;
            }
        }
    }
}

/* --- one node --- */

/* insecure has been read. */
static void read_listen(struct reading *reading, const struct weft_yaml_node *node,
                        struct weft_cluster_node *to)
{
    char host[WEFT_ADDRESS_TEXT_MAX];
    uint16_t port = 0;
    const char *text = weft_yaml_check_string(node, "listen", reading->diagnostics);
    if (text == NULL) {
        return;
    }
    if (weft_address_split(text, host, &port, NULL) != WEFT_OK || port == 0) {
        COMPLAIN(reading, node->at, NULL, "\"%s\" is no address: HOST:PORT, as 127.0.0.11:8000",
                 text);
    } else if (!to->insecure && !weft_address_text_is_loopback(text)) {
        COMPLAIN(reading, node->at, NULL,
                 "\"%s\" can be reached from other machines, and nothing asks who calls: use a "
                 "loopback address, as 127.0.0.11:%u, or say \"insecure: true\" in the node's "
                 "settings where the network is trusted",
                 text, (unsigned)port);
    }
    for (size_t i = 0; i < reading->cluster->nodes_count; i++) {
        const struct weft_cluster_node *other = &reading->cluster->nodes[i];
        if (other != to && other->listen != NULL && strcmp(other->listen, text) == 0) {
            COMPLAIN(reading, node->at, NULL, "node \"%s\" listens on %s already", other->name,
                     text);
        }
    }
    to->listen = keep(reading, text);
}

static void read_resources(struct reading *reading, const struct weft_yaml_node *mapping,
                           struct weft_cluster_node *to)
{
    const struct weft_yaml_node *slots = weft_yaml_find(mapping, "slots");
    const struct weft_yaml_node *memory = weft_yaml_find(mapping, "memory");
    const struct weft_yaml_node *insecure = weft_yaml_find(mapping, "insecure");
    uint64_t number = 0;
    if (slots != NULL && (!weft_yaml_uint64(slots, &number) || number == 0 || number > 65535)) {
        COMPLAIN(reading, slots->at, NULL, "slots is a number from 1 to 65535");
    }
    to->slots = (uint32_t)number;
    if (memory != NULL && !weft_yaml_size_bytes(memory, &to->memory_bytes)) {
        COMPLAIN(reading, memory->at, NULL, "memory is a size, as 512MiB or 4GiB");
    }
    if (insecure != NULL && !weft_yaml_bool(insecure, &to->insecure)) {
        COMPLAIN(reading, insecure->at, NULL, "insecure is true or false");
    }
}

static void read_node(struct reading *reading, const struct weft_yaml_entry *entry,
                      struct weft_cluster_node *to)
{
    static const char *const keys[] = {"listen", "load", "models",  "slots",
                                       "memory", "tags", "insecure"};
    const char *name = weft_yaml_check_string(entry->key, "a node's name", reading->diagnostics);
    to->name = keep(reading, name != NULL ? name : "");
    if (name != NULL && !weft_model_name_valid(name)) {
        COMPLAIN(reading, entry->key->at, NULL,
                 "\"%s\" can't be a node's name: no '/', no leading dot", name);
    }
    if (!weft_yaml_check_mapping(entry->value, "a node", keys, COUNT(keys), reading->diagnostics) &&
        entry->value->kind != WEFT_YAML_MAPPING) {
        return;
    }
    read_resources(reading, entry->value, to);
    const struct weft_yaml_node *listen = weft_yaml_find(entry->value, "listen");
    const struct weft_yaml_node *load = weft_yaml_find(entry->value, "load");
    if (listen == NULL) {
        COMPLAIN(reading, entry->key->at, NULL, "node \"%s\" needs an address to listen on",
                 to->name);
    } else {
        read_listen(reading, listen, to);
    }
    to->models = read_path(reading, entry->value, "models", &to->models_at);
    if (to->models == NULL) {
        to->models = read_path(reading, reading->root, "models", &to->models_at);
    }
    to->load_all = load == NULL && to->models != NULL;
    read_strings(reading, load, "load", false, &to->load);
    refuse_twice(reading, &to->load, "load");
    if (to->load.count > 0 && to->models == NULL) {
        COMPLAIN(reading, load->at, NULL,
                 "node \"%s\" has no model directory to load from: models is missing", to->name);
    }
    read_strings(reading, weft_yaml_find(entry->value, "tags"), "tags", false, &to->tags);
}

/* --- the file --- */

static void read_nodes(struct reading *reading)
{
    const struct weft_yaml_node *nodes = weft_yaml_find(reading->root, "nodes");
    struct weft_cluster *cluster = reading->cluster;
    if (nodes == NULL || nodes->kind != WEFT_YAML_MAPPING || nodes->count == 0) {
        COMPLAIN(reading, nodes != NULL ? nodes->at : reading->root->at, NULL,
                 "nodes must be a mapping of at least one node's name to its settings");
        return;
    }
    if (nodes->count > WEFT_CLUSTER_NODES_MAX) {
        COMPLAIN(reading, nodes->at, NULL, "a cluster has at most %d nodes",
                 WEFT_CLUSTER_NODES_MAX);
        return;
    }
    cluster->nodes = calloc(nodes->count, sizeof(*cluster->nodes));
    reading->diagnostics->failed = reading->diagnostics->failed || cluster->nodes == NULL;
    for (size_t i = 0; cluster->nodes != NULL && i < nodes->count; i++) {
        read_node(reading, &nodes->entries[i], &cluster->nodes[cluster->nodes_count++]);
    }
}

static void read_gateway(struct reading *reading)
{
    const struct weft_yaml_node *node = weft_yaml_find(reading->root, "gateway");
    struct weft_cluster *cluster = reading->cluster;
    if (node == NULL) {
        if (cluster->nodes_count > 1) {
            COMPLAIN(reading, reading->root->at, NULL,
                     "gateway is missing: the node that clients call");
        }
        return;
    }
    const char *name = weft_yaml_check_string(node, "gateway", reading->diagnostics);
    const char *names[WEFT_CLUSTER_NODES_MAX];
    for (size_t i = 0; name != NULL && i < cluster->nodes_count; i++) {
        names[i] = cluster->nodes[i].name;
        if (names[i] != NULL && strcmp(names[i], name) == 0) {
            cluster->gateway = i;
            return;
        }
    }
    if (name != NULL && cluster->nodes_count > 0 && !reading->diagnostics->failed) {
        COMPLAIN(reading, node->at, weft_suggest(name, names, cluster->nodes_count),
                 "there is no node \"%s\" to be the gateway", name);
    }
}

static void read_file(struct reading *reading)
{
    static const char *const keys[] = {"cluster", "gateway",   "models", "plugins",
                                       "state",   "pipelines", "nodes"};
    const struct weft_yaml_node *root = reading->root;
    if (!weft_yaml_check_mapping(root, "the cluster file", keys, COUNT(keys),
                                 reading->diagnostics) &&
        (root == NULL || root->kind != WEFT_YAML_MAPPING)) {
        return;
    }
    const struct weft_yaml_node *cluster = weft_yaml_find(root, "cluster");
    const char *name = NULL;
    if (cluster == NULL) {
        COMPLAIN(reading, root->at, NULL, "cluster is missing: the cluster's name");
    } else {
        name = weft_yaml_check_string(cluster, "cluster", reading->diagnostics);
    }
    if (name != NULL && !weft_model_name_valid(name)) {
        COMPLAIN(reading, cluster->at, NULL,
                 "\"%s\" can't be a cluster's name: no '/', no leading dot", name);
    }
    reading->cluster->name = keep(reading, name != NULL ? name : "");
    struct weft_location state_at;
    reading->cluster->plugins = read_path(reading, root, "plugins", &reading->cluster->plugins_at);
    reading->cluster->state = read_path(reading, root, "state", &state_at);
    read_strings(reading, weft_yaml_find(root, "pipelines"), "pipelines", true,
                 &reading->cluster->pipelines);
    read_nodes(reading);
    read_gateway(reading);
}

enum weft_status weft_cluster_parse_partly(const char *path, const char *text,
                                           struct weft_diagnostics *diagnostics,
                                           struct weft_cluster **ret_cluster,
                                           struct weft_error **error)
{
    cleanup_yaml struct weft_yaml *yaml = NULL;
    cleanup_cluster struct weft_cluster *cluster = calloc(1, sizeof(*cluster));
    if (cluster == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    enum weft_status status = weft_yaml_parse(text, strlen(text), diagnostics, &yaml, error);
    if (status != WEFT_OK) {
        return status;
    }
    struct reading reading = {path, diagnostics, cluster, weft_yaml_root(yaml)};
    read_file(&reading);
    weft_diagnostics_sort(diagnostics);
    if (diagnostics->failed) {
        return weft_error_set_out_of_memory(error);
    }
    *ret_cluster = steal(&cluster);
    return WEFT_OK;
}

enum weft_status weft_cluster_parse(const char *path, const char *text,
                                    struct weft_diagnostics *diagnostics,
                                    struct weft_cluster **ret_cluster, struct weft_error **error)
{
    cleanup_cluster struct weft_cluster *cluster = NULL;
    enum weft_status status = weft_cluster_parse_partly(path, text, diagnostics, &cluster, error);
    if (status == WEFT_OK) {
        status = weft_diagnostics_status(diagnostics, error);
    }
    if (status == WEFT_OK) {
        *ret_cluster = steal(&cluster);
    }
    return status;
}

enum weft_status weft_cluster_read(const char *path, struct weft_text *findings,
                                   struct weft_cluster **ret_cluster, struct weft_error **error)
{
    cleanup_free char *text = NULL;
    enum weft_status status = weft_file_read_text(path, WEFT_YAML_SIZE_MAX_BYTES, &text, error);
    if (status != WEFT_OK) {
        return status;
    }
    cleanup_diagnostics struct weft_diagnostics diagnostics;
    weft_diagnostics_init(&diagnostics, path);
    status = weft_cluster_parse(path, text, &diagnostics, ret_cluster, error);
    weft_diagnostics_format(&diagnostics, findings);
    return status;
}

void weft_cluster_node_fini(struct weft_cluster_node *node)
{
    free(node->name);
    free(node->listen);
    free(node->models);
    strings_fini(&node->load);
    strings_fini(&node->tags);
}

void weft_cluster_free(struct weft_cluster *cluster)
{
    if (cluster == NULL) {
        return;
    }
    for (size_t i = 0; i < cluster->nodes_count; i++) {
        weft_cluster_node_fini(&cluster->nodes[i]);
    }
    free(cluster->nodes);
    strings_fini(&cluster->pipelines);
    free(cluster->name);
    free(cluster->plugins);
    free(cluster->state);
    free(cluster);
}
