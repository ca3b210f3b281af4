/* SPDX-License-Identifier: Apache-2.0 */
#include "client/between.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { NAME_MAX_BYTES = 256 };

struct pair {
    size_t from; /* index into nodes */
    char *to;
    uint64_t before;
    uint64_t now;
};

struct node {
    char *name;
    struct weft_client *client;
};

struct weft_between {
    char *self; /* the called node */
    struct node *nodes;
    size_t nodes_count;
    struct pair *pairs;
    size_t pairs_count;
};

void weft_between_free(struct weft_between *between)
{
    if (between == NULL) {
        return;
    }
    for (size_t i = 0; i < between->nodes_count; i++) {
        free(between->nodes[i].name);
        weft_client_free(between->nodes[i].client);
    }
    for (size_t i = 0; i < between->pairs_count; i++) {
        free(between->pairs[i].to);
    }
    free(between->self);
    free(between->nodes);
    free(between->pairs);
    free(between);
}

/* --- one line of /metrics --- */

/* Reads a label's quoted value from `at`, behind its opening quote; NULL where it does not end. */
static const char *read_quoted(const char *at, char *ret_value, size_t capacity)
{
    size_t length = 0;
    for (; *at != '"'; at++) {
        if (*at == '\0' || *at == '\n') {
            return NULL;
        }
        char character = *at;
        if (character == '\\' && at[1] != '\0') {
            character = *++at == 'n' ? '\n' : *at;
        }
        if (length + 1 < capacity) {
            ret_value[length++] = character;
        }
    }
    ret_value[length] = '\0';
    return at + 1;
}

static bool read_number(const char *at, uint64_t *ret_number)
{
    char *end = NULL;
    errno = 0;
    double number = strtod(at, &end);
    if (end == at || errno != 0 || !(number >= 0) || number > 1e19) {
        return false;
    }
    /* A counter of bytes is a whole number; above 2^53 a double would round it. */
    unsigned long long whole = strtoull(at, &end, 10);
    *ret_number = *end == '.' || *end == 'e' || *end == 'E' ? (uint64_t)number : whole;
    return true;
}

bool weft_metric_line_read(const char *line, const char *name, const char *label, char *ret_value,
                           size_t capacity, uint64_t *ret_number)
{
    size_t length = strlen(name);
    bool found = false;
    if (strncmp(line, name, length) != 0 || line[length] != '{') {
        return false;
    }
    const char *at = line + length + 1;
    while (*at != '}') {
        size_t key = strcspn(at, "=\n");
        if (at[key] != '=' || at[key + 1] != '"') {
            return false;
        }
        bool wanted = key == strlen(label) && strncmp(at, label, key) == 0;
        char other[NAME_MAX_BYTES];
        at = wanted ? read_quoted(at + key + 2, ret_value, capacity)
                    : read_quoted(at + key + 2, other, sizeof(other));
        if (at == NULL) {
            return false;
        }
        found |= wanted;
        at += *at == ',';
    }
    return found && read_number(at + 1, ret_number);
}

/* --- readings --- */

static struct pair *pair_of(struct weft_between *between, size_t from, const char *to)
{
    for (size_t i = 0; i < between->pairs_count; i++) {
        if (between->pairs[i].from == from && strcmp(between->pairs[i].to, to) == 0) {
            return &between->pairs[i];
        }
    }
    struct pair *grown =
        realloc(between->pairs, (between->pairs_count + 1) * sizeof(*between->pairs));
    if (grown == NULL) {
        return NULL;
    }
    between->pairs = grown;
    grown[between->pairs_count] = (struct pair){.from = from, .to = strdup(to)};
    return grown[between->pairs_count].to != NULL ? &grown[between->pairs_count++] : NULL;
}

static enum weft_status read_node(struct weft_between *between, size_t node, bool *ret_changed,
                                  struct weft_error **error)
{
    cleanup_text struct weft_text text = {0};
    enum weft_status status = weft_client_http(between->nodes[node].client, "GET", "/metrics", NULL,
                                               WEFT_BETWEEN_TIMEOUT_MS, &text, error);
    if (status != WEFT_OK) {
        return status;
    }
    for (const char *line = weft_text_string(&text); *line != '\0';) {
        char peer[NAME_MAX_BYTES] = "";
        uint64_t bytes = 0;
        if (weft_metric_line_read(line, "weft_peer_sent_bytes_total", "peer", peer, sizeof(peer),
                                  &bytes) &&
            strcmp(peer, between->self) != 0) {
            struct pair *pair = pair_of(between, node, peer);
            if (pair == NULL) {
                return weft_error_set_out_of_memory(error);
            }
            *ret_changed |= pair->now != bytes;
            pair->now = bytes;
        }
        const char *end = strchr(line, '\n');
        line = end != NULL ? end + 1 : line + strlen(line);
    }
    return WEFT_OK;
}

static enum weft_status read_all(struct weft_between *between, struct weft_error **error)
{
    const struct timespec pause = {.tv_nsec = WEFT_BETWEEN_PAUSE_MS * 1000 * 1000};
    bool changed = true;
    for (int i = 0; changed && i < WEFT_BETWEEN_READINGS_MAX; i++) {
        changed = i == 0 && between->nodes_count > 1;
        if (i > 0) {
            nanosleep(&pause, NULL);
        }
        for (size_t node = 0; node < between->nodes_count; node++) {
            enum weft_status status = read_node(between, node, &changed, error);
            if (status != WEFT_OK) {
                return weft_error_wrap(error, status, "node \"%s\" does not say its counters",
                                       between->nodes[node].name);
            }
        }
    }
    return WEFT_OK;
}

static enum weft_status add_node(struct weft_between *between, const struct weft_item *item,
                                 struct weft_error **error)
{
    const char *name = weft_item_text(item, "name");
    if (weft_item_is_true(item, "self")) {
        free(between->self);
        between->self = strdup(name);
        return between->self != NULL ? WEFT_OK : weft_error_set_out_of_memory(error);
    }
    struct node *node = &between->nodes[between->nodes_count];
    if ((node->name = strdup(name)) == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    between->nodes_count++;
    return weft_client_new(weft_item_text(item, "address"), &node->client, error);
}

enum weft_status weft_between_begin(struct weft_client *client, struct weft_between **ret_between,
                                    struct weft_error **error)
{
    cleanup_between struct weft_between *between = calloc(1, sizeof(*between));
    cleanup_document struct weft_document *document = NULL;
    if (between == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    enum weft_status status =
        weft_client_get(client, "/v1/nodes", WEFT_BETWEEN_TIMEOUT_MS, &document, error);
    if (status != WEFT_OK) {
        return status;
    }
    const struct weft_item *nodes = weft_item_member(weft_document_root(document), "nodes");
    size_t count = nodes != NULL ? nodes->count : 0;
    if (count > WEFT_BETWEEN_NODES_MAX) {
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED, "the cluster has more than %d nodes",
                              WEFT_BETWEEN_NODES_MAX);
    }
    between->nodes = calloc(count + 1, sizeof(*between->nodes));
    status = between->nodes != NULL ? WEFT_OK : weft_error_set_out_of_memory(error);
    for (const struct weft_item *item = count > 0 ? nodes->first : NULL;
         status == WEFT_OK && item != NULL; item = item->next) {
        status = add_node(between, item, error);
    }
    if (status == WEFT_OK && between->self == NULL) {
        status = weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                "/v1/nodes does not say which node is the called one");
    }
    if (status == WEFT_OK) {
        status = read_all(between, error);
    }
    for (size_t i = 0; status == WEFT_OK && i < between->pairs_count; i++) {
        between->pairs[i].before = between->pairs[i].now;
    }
    if (status == WEFT_OK) {
        *ret_between = steal(&between);
    }
    return status;
}

enum weft_status weft_between_end(struct weft_between *between, struct weft_error **error)
{
    return read_all(between, error);
}

static uint64_t difference(const struct pair *pair)
{
    return pair->now >= pair->before ? pair->now - pair->before : pair->now;
}

uint64_t weft_between_bytes(const struct weft_between *between)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < between->pairs_count; i++) {
        bytes += difference(&between->pairs[i]);
    }
    return bytes;
}

size_t weft_between_count(const struct weft_between *between)
{
    return between->pairs_count;
}

struct weft_between_pair weft_between_at(const struct weft_between *between, size_t index)
{
    const struct pair *pair = &between->pairs[index];
    return (struct weft_between_pair){between->nodes[pair->from].name, pair->to, difference(pair)};
}
