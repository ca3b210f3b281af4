/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/up.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/value.h"
#include "cli/arguments.h"
#include "cli/places.h"
#include "cli/verbs.h"
#include "node/pipelines.h"

enum { WAIT, TIMEOUT, NODES, LOG_LEVEL, SPIN, TCP_ONLY };

static const struct weft_option options[] = {
    [WAIT] = {"--wait", true},
    [TIMEOUT] = {"--timeout", false},
    [NODES] = {"--nodes", false},
    [LOG_LEVEL] = {"--log-level", false},
    [SPIN] = {"--spin", false},
    [TCP_ONLY] = {"--tcp-only", true},
    {NULL, false},
};

struct settings {
    const char *file;
    bool wait;
    uint64_t timeout_ms; /* 0 = for ever */
    uint64_t nodes;      /* 0 = as in the file */
    const char *log_level, *spin;
    bool tcp_only;
};

/* --- reading --- */

/* The gateway would find the same faults, but here they are told before anything is started. */
static enum weft_status read_pipelines(struct up *up, struct weft_text *findings,
                                       struct weft_error **error)
{
    cleanup_pipeline_set struct weft_pipeline_set set = {0};
    enum weft_status status = WEFT_OK;
    for (size_t i = 0; status == WEFT_OK && i < up->cluster->pipelines.count; i++) {
        status = weft_pipeline_set_load(&set, up->cluster->pipelines.items[i], findings, error);
    }
    if (status != WEFT_OK) {
        return status;
    }
    weft_pipeline_set_check_nodes(&set, up->cluster, findings);
    up->pipelines = calloc(set.count + 1, sizeof(char *));
    up->pipelines_ready = calloc(set.count + 1, sizeof(bool));
    bool well = up->pipelines != NULL && up->pipelines_ready != NULL;
    for (size_t i = 0; well && i < set.count; i++) {
        up->pipelines[i] = strdup(weft_pipeline_set_name(&set, i));
        up->pipelines_count++;
        well = up->pipelines[i] != NULL;
    }
    return well ? WEFT_OK : weft_error_set_out_of_memory(error);
}

static enum weft_status read_all(struct up *up, const struct settings *settings,
                                 struct weft_error **error)
{
    cleanup_text struct weft_text findings = {0};
    enum weft_status status = weft_cluster_read(settings->file, &findings, &up->cluster, error);
    if (status == WEFT_OK && settings->nodes == 1) {
        status = weft_cluster_merge(up->cluster, error);
    }
    if (status == WEFT_OK) {
        status = read_pipelines(up, &findings, error);
    }
    fputs(weft_text_string(&findings), stderr);
    if (status != WEFT_OK) {
        return status;
    }
    up->children = calloc(up->cluster->nodes_count, sizeof(*up->children));
    if (up->children == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    for (size_t i = 0; i < up->cluster->nodes_count; i++) {
        up->children[i].node = &up->cluster->nodes[i];
        up->children[i].output = -1;
        up->children[i].notice = -1;
    }
    if (settings->wait) {
        up->directory = weft_place_running(up->cluster->name);
        return up->directory != NULL ? up_directory_make(up->directory, settings->file, error)
                                     : weft_error_set_out_of_memory(error);
    }
    return WEFT_OK;
}

static enum weft_status catch_signals(struct up *up, struct weft_error **error)
{
    sigset_t ours;
    sigemptyset(&ours);
    sigaddset(&ours, SIGINT);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGCHLD);
    sigprocmask(SIG_BLOCK, &ours, &up->mask);
    up->signals = signalfd(-1, &ours, SFD_NONBLOCK | SFD_CLOEXEC);
    return up->signals >= 0 ? WEFT_OK
                            : weft_error_set(error, WEFT_INTERNAL, "signals can't be watched");
}

/* --- starting --- */

static int child_failed(struct up *up, const struct up_child *child)
{
    cleanup_text struct weft_text how = {0};
    up_how_it_ended(child, &how);
    fprintf(stderr, "weft up: node %s %s before the cluster was ready%s\n", child->node->name,
            weft_text_string(&how), up->directory != NULL ? "; its last words:" : "");
    if (up->directory != NULL) {
        up_last_words(child); /* in the foreground they have just been shown */
    }
    int code = WIFEXITED(child->wait_status) ? WEXITSTATUS(child->wait_status) : 0;
    return code >= WEFT_EXIT_FAILED && code <= WEFT_EXIT_DEADLINE ? code : WEFT_EXIT_FAILED;
}

static int out_of_time(struct up *up, uint64_t timeout_ms)
{
    fprintf(stderr, "weft up: not ready after %llu ms: %s\n", (unsigned long long)timeout_ms,
            up->not_ready != NULL ? up->not_ready : "not all nodes are");
    for (size_t i = 0; i < up->cluster->nodes_count; i++) {
        if (!up->children[i].ready) {
            fprintf(stderr, "node %s is not ready; its last words:\n", up->children[i].node->name);
            up_last_words(&up->children[i]);
        }
    }
    return WEFT_EXIT_DEADLINE;
}

static int wait_until_ready(struct up *up, const struct settings *settings)
{
    uint64_t begin_ms = up_now_ms(), look_ms = begin_ms;
    for (;;) {
        uint64_t now_ms = up_now_ms();
        up_watch(up, now_ms < look_ms ? (int)(look_ms - now_ms) : 0);
        const struct up_child *ended = up_ended(up);
        if (up->asked > 0) {
            fputs("weft up: asked to end before the cluster was ready\n", stderr);
            return WEFT_EXIT_FAILED;
        }
        if (ended != NULL) {
            return child_failed(up, ended);
        }
        uint64_t took_ms = up_now_ms() - begin_ms;
        if (up_now_ms() < look_ms) {
            continue; /* output woke us */
        }
        look_ms = up_now_ms() + UP_LOOK_MS;
        if (up_is_ready(up)) {
            took_ms = up_now_ms() - begin_ms;
            printf("%s is ready: %zu node%s, gateway %s, in %llu ms\n", up->cluster->name,
                   up->cluster->nodes_count, up->cluster->nodes_count == 1 ? "" : "s",
                   up->cluster->nodes[up->cluster->gateway].listen, (unsigned long long)took_ms);
            fflush(stdout);
            return WEFT_EXIT_OK;
        }
        if (settings->timeout_ms > 0 && took_ms >= settings->timeout_ms) {
            return out_of_time(up, settings->timeout_ms);
        }
    }
}

/* --- the foreground --- */

static int stay(struct up *up)
{
    cleanup_free bool *said = calloc(up->cluster->nodes_count, sizeof(bool));
    while (said != NULL && up->asked == 0 && up_running(up) > 0) {
        up_watch(up, -1);
        for (size_t i = 0; i < up->cluster->nodes_count; i++) {
            const struct up_child *child = &up->children[i];
            if (child->ended && !said[i]) {
                cleanup_text struct weft_text how = {0};
                said[i] = true;
                up_how_it_ended(child, &how);
                fprintf(stderr, "weft up: node %s %s; the others go on without it\n",
                        child->node->name, weft_text_string(&how));
            }
        }
    }
    if (up->asked == 0) {
        fputs("weft up: no node is left\n", stderr);
    }
    return up->asked > 0 ? WEFT_EXIT_OK : WEFT_EXIT_FAILED;
}

static void up_fini(struct up *up)
{
    for (size_t i = 0; up->children != NULL && i < up->cluster->nodes_count; i++) {
        struct up_child *child = &up->children[i];
        free(child->log);
        for (size_t k = 0; k < UP_LAST_WORDS; k++) {
            free(child->last_words[k]);
        }
        if (child->output >= 0) {
            close(child->output);
        }
        if (child->notice >= 0) {
            close(child->notice);
        }
    }
    for (size_t i = 0; i < up->pipelines_count; i++) {
        free(up->pipelines[i]);
    }
    if (up->signals >= 0) {
        close(up->signals);
    }
    weft_client_free(up->client);
    free(up->pipelines);
    free(up->pipelines_ready);
    free(up->not_ready);
    free(up->directory);
    free(up->children);
    weft_cluster_free(up->cluster);
}

static int bring_up(struct up *up, const struct settings *settings)
{
    cleanup_error struct weft_error *error = NULL;
    enum weft_status status = read_all(up, settings, &error);
    if (status == WEFT_OK) {
        status = catch_signals(up, &error);
    }
    if (status != WEFT_OK) {
        return weft_cli_fail(up->verb, error);
    }
    status = up_start(up, &error);
    int code = status == WEFT_OK ? wait_until_ready(up, settings) : weft_cli_fail(up->verb, error);
    if (code == WEFT_EXIT_OK && settings->wait) {
        return code;
    }
    if (code == WEFT_EXIT_OK) {
        code = stay(up);
    }
    up_end(up);
    if (up->directory != NULL) {
        up_directory_remove(up->directory);
    }
    return code;
}

/* --- the command line --- */

static bool take(const struct weft_arguments *walk, int option, struct settings *settings)
{
    static const char *const levels[] = {"debug", "info", "warning", "error", NULL};
    static const char *const switches[] = {"on", "off", NULL};
    size_t index = 0;
    switch (option) {
    case WAIT:
        settings->wait = true;
        return true;
    case TIMEOUT:
        return weft_argument_duration_ms(walk, "--timeout", &settings->timeout_ms);
    case NODES:
        return weft_argument_number(walk, "--nodes", 1, 1, &settings->nodes);
    case LOG_LEVEL:
        settings->log_level = walk->value;
        return weft_argument_word(walk, "--log-level", levels, &index);
    case SPIN:
        settings->spin = walk->value;
        return weft_argument_word(walk, "--spin", switches, &index);
    case TCP_ONLY:
        settings->tcp_only = true;
        return true;
    case WEFT_ARGUMENTS_WORD:
        if (settings->file != NULL) {
            weft_cli_usage(walk->verb, "takes one FILE, but got \"%s\" too", walk->value);
            return false;
        }
        settings->file = walk->value;
        return true;
    default:
        return false;
    }
}

static int run(int count, char **arguments)
{
    struct settings settings = {0};
    struct weft_arguments walk = {&weft_verb_up, options, count, arguments, 0, false, NULL};
    for (int option; (option = weft_arguments_next(&walk)) != WEFT_ARGUMENTS_END;) {
        if (!take(&walk, option, &settings)) {
            return WEFT_EXIT_USAGE;
        }
    }
    if (settings.file == NULL) {
        return weft_cli_usage(&weft_verb_up, "needs a cluster FILE");
    }
    if (settings.timeout_ms == 0 && settings.wait) {
        settings.timeout_ms = UP_TIMEOUT_DEFAULT_MS;
    }
    struct up up = {.verb = &weft_verb_up,
                    .log_level = settings.log_level,
                    .spin = settings.spin,
                    .tcp_only = settings.tcp_only,
                    .signals = -1};
    int code = bring_up(&up, &settings);
    up_fini(&up);
    return code;
}

const struct weft_verb weft_verb_up = {
    .name = "up",
    .summary = "starts the nodes of a cluster file on this machine",
    .help = "usage: weft up FILE [--wait] [--timeout DURATION] [--nodes 1]\n\n"
            "Starts a local cluster, one process a node, and shows their logs until SIGINT or "
            "SIGTERM\n"
            "ends them all. docs/cluster.md describes the file.\n\n"
            "  --wait               start it in the background, and return when all is ready\n"
            "  --timeout DURATION   how long that may take (30s with --wait, else for ever)\n"
            "  --nodes 1            all models and pipelines in one process, at the gateway's "
            "address;\n"
            "                       steps that are for another node can't run there\n"
            "  --log-level LEVEL    of the nodes: debug, info, warning, error (info)\n"
            "  --spin on|off        of the nodes (on)\n"
            "  --tcp-only           no Unix sockets between the nodes\n\n"
            "Logs and process numbers of a cluster in the background lie in\n"
            "$XDG_RUNTIME_DIR/weft/CLUSTER, or /tmp/weft-UID/CLUSTER. `weft down FILE` ends it.\n\n"
            "example:\n"
            "  weft up examples/portrait/cluster.yaml --wait\n",
    .run = run,
};
