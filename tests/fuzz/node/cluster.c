/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/value.h"
#include "model/repository.h"
#include "node/cluster.h"
#include "sys/address.h"

/*
 * A cluster file from anywhere: read, and made one node of. What is accepted can be started: every
 * node has a name and an address, models to load have a directory, and the gateway is one of them.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static void check_strings(const struct weft_strings *strings)
{
    for (size_t i = 0; i < strings->count; i++) {
        weft_assert(strings->items[i] != NULL && strings->items[i][0] != '\0');
        weft_assert(strings->at[i].line > 0);
    }
}

static void check(const struct weft_cluster *cluster)
{
    weft_assert(weft_model_name_valid(cluster->name));
    weft_assert(cluster->nodes_count > 0 && cluster->nodes_count <= WEFT_CLUSTER_NODES_MAX);
    weft_assert(cluster->gateway < cluster->nodes_count);
    check_strings(&cluster->pipelines);
    for (size_t i = 0; i < cluster->nodes_count; i++) {
        const struct weft_cluster_node *node = &cluster->nodes[i];
        char host[WEFT_ADDRESS_TEXT_MAX];
        uint16_t port = 0;
        weft_assert(weft_model_name_valid(node->name));
        weft_assert(weft_address_split(node->listen, host, &port, NULL) == WEFT_OK && port > 0);
        weft_assert(node->insecure || weft_address_text_is_loopback(node->listen));
        weft_assert(node->models != NULL || (node->load.count == 0 && !node->load_all));
        weft_assert(node->slots <= 65535);
        check_strings(&node->load);
        check_strings(&node->tags);
        for (size_t k = 0; k < i; k++) {
            weft_assert(strcmp(node->name, cluster->nodes[k].name) != 0);
            weft_assert(strcmp(node->listen, cluster->nodes[k].listen) != 0);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    /* A file with a NUL byte in it is refused where files are read. */
    cleanup_free char *text = calloc(1, size_bytes + 1);
    cleanup_diagnostics struct weft_diagnostics diagnostics;
    cleanup_cluster struct weft_cluster *cluster = NULL;
    cleanup_error struct weft_error *error = NULL;
    weft_assert(text != NULL);
    memcpy(text, data, size_bytes);
    weft_diagnostics_init(&diagnostics, "a/fuzz.yaml");
    enum weft_status status =
        weft_cluster_parse("a/fuzz.yaml", text, &diagnostics, &cluster, &error);
    weft_assert(status == WEFT_OK || status == WEFT_INVALID_ARGUMENT);
    weft_assert((status == WEFT_OK) == (diagnostics.errors == 0));
    if (status == WEFT_OK) {
        check(cluster);
        if (weft_cluster_merge(cluster, NULL) == WEFT_OK) {
            weft_assert(cluster->nodes_count == 1 && cluster->gateway == 0);
            weft_assert(cluster->nodes[0].name != NULL && cluster->nodes[0].listen != NULL);
        }
    }
    cleanup_text struct weft_text findings = {0};
    weft_diagnostics_format(&diagnostics, &findings);
    weft_assert(weft_utf8_valid(weft_text_string(&findings), findings.length));
    return 0;
}
