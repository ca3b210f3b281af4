/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/node.h"
#include "support/failmalloc.h"
#include "support/story.h"

/*
 * Each allocation of a node's start, and of its life until its end, fails in turn: it does not
 * open and says why, or it opens, and then it ends in order. It has a model, a pipeline, and a peer
 * that is not there. NODE_MODEL names the model's module.
 */

enum { ALLOCATIONS_MAX = 5000, READY_WAIT_MS = 50 };

static const char config[] = "input [ { name: \"text\" data_type: TYPE_STRING dims: [ -1 ] } ]\n"
                             "output [ { name: \"text\" data_type: TYPE_STRING dims: [ -1 ] } ]\n";
static const char pipeline[] = "pipeline: once\n"
                               "inputs: { text: { datatype: BYTES, shape: [-1] } }\n"
                               "steps:\n"
                               "  near: { model: text, inputs: { text: text } }\n"
                               "outputs: { text: near.text }\n";

struct site {
    char directory[64];
    char models[96];
    char pipelines[96];
    char address[32];
    struct weft_node_options options;
};

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void free_address(char *text, size_t capacity)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int probe = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(probe, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(probe, (struct sockaddr *)&address, &length), 0);
    close(probe);
    snprintf(text, capacity, "127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
}

static void lay_out(struct site *site)
{
    static const struct weft_node_peer peers[] = {{"absent", "127.0.0.1:9"}};
    char path[160];
    char command[1024];
    snprintf(site->directory, sizeof(site->directory), "/tmp/weft-node-memory-XXXXXX");
    assert_non_null(mkdtemp(site->directory));
    snprintf(site->models, sizeof(site->models), "%s/models", site->directory);
    snprintf(site->pipelines, sizeof(site->pipelines), "%s/once.yaml", site->directory);
    const char *const folders[] = {"", "/text", "/text/1"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", site->models, folders[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    snprintf(path, sizeof(path), "%s/text/config.pbtxt", site->models);
    write_file(path, config);
    assert_non_null(getenv("NODE_MODEL"));
    snprintf(command, sizeof(command), "cp %s %s/text/1/model.so", getenv("NODE_MODEL"),
             site->models);
    assert_int_equal(system(command), 0);
    write_file(site->pipelines, pipeline);
    static const char *files[1];
    files[0] = site->pipelines;
    site->options = (struct weft_node_options){
        .name = "only",
        .listen = site->address,
        .models = site->models,
        .load_all = true,
        .pipelines = files,
        .pipelines_count = 1,
        .peers = peers,
        .peers_count = 1,
        .slots = 1,
        .log_level = WEFT_LOG_ERROR,
    };
}

static void clear(struct site *site)
{
    char command[160];
    snprintf(command, sizeof(command), "rm -rf %s", site->directory);
    assert_int_equal(system(command), 0);
}

static bool open_node(struct site *site, struct weft_node **ret_node)
{
    struct weft_text findings = {0};
    struct weft_error *error = NULL;
    free_address(site->address, sizeof(site->address));
    enum weft_status status = weft_node_open(&site->options, &findings, ret_node, &error);
    bool told = error != NULL && weft_error_message(error)[0] != '\0';
    weft_text_fini(&findings);
    weft_error_unref(error);
    assert_true(status == WEFT_OK || told);
    return status == WEFT_OK;
}

/* Ends the process's node a moment after it has begun. */
static void *end_soon(void *context)
{
    (void)context;
    (void)poll(NULL, 0, READY_WAIT_MS);
    kill(getpid(), SIGTERM);
    return NULL;
}

static void run_node(struct weft_node *node, bool at_once)
{
    pthread_t ender;
    struct weft_error *error = NULL;
    if (at_once) {
        kill(getpid(), SIGTERM);
    } else {
        assert_int_equal(pthread_create(&ender, NULL, end_soon, NULL), 0);
    }
    (void)!weft_node_run(node, &error);
    weft_error_unref(error);
    if (!at_once) {
        pthread_join(ender, NULL);
    }
}

static void a_node_that_finds_no_memory_does_not_open(void **state)
{
    (void)state;
    struct site site;
    bool failed = true;
    lay_out(&site);
    for (size_t i = 0; failed; i++) {
        struct weft_node *node = NULL;
        failmalloc_arm(i);
        bool opened = open_node(&site, &node);
        failed = failmalloc_disarm();
        assert_true(opened || failed);
        if (opened) {
            run_node(node, true);
        }
        assert_true(i < ALLOCATIONS_MAX);
    }
    clear(&site);
}

static void a_node_that_runs_out_of_memory_ends_in_order(void **state)
{
    (void)state;
    struct site site;
    bool failed = true;
    lay_out(&site);
    for (size_t i = 0; failed; i++) {
        struct weft_node *node = NULL;
        assert_true(open_node(&site, &node));
        failmalloc_arm(i);
        run_node(node, i % 16 != 0);
        failed = failmalloc_disarm();
        assert_true(i < ALLOCATIONS_MAX);
    }
    clear(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_that_finds_no_memory_does_not_open),
        cmocka_unit_test(a_node_that_runs_out_of_memory_ends_in_order),
    };
    return cmocka_run_group_tests_name("node memory", tests, NULL, NULL);
}
