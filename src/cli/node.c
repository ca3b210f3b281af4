/* SPDX-License-Identifier: Apache-2.0 */
#include "node/node.h"

#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/value.h"
#include "cli/arguments.h"
#include "cli/places.h"
#include "cli/verbs.h"
#include "client/client.h"

enum {
    NAME,
    LISTEN,
    MODELS,
    LOAD,
    NO_LOAD,
    PLUGINS,
    STATE,
    PIPELINES,
    PEER,
    SLOTS,
    MEMORY,
    TAG,
    INSECURE,
    SPIN,
    TCP_ONLY,
    RECEIVE_BUDGET,
    HELD_BUDGET,
    LOG_LEVEL,
    READY_FD,
};

static const struct weft_option options[] = {
    [NAME] = {"--name", false},
    [LISTEN] = {"--listen", false},
    [MODELS] = {"--models", false},
    [LOAD] = {"--load", false},
    [NO_LOAD] = {"--no-load", true},
    [PLUGINS] = {"--plugins", false},
    [STATE] = {"--state", false},
    [PIPELINES] = {"--pipelines", false},
    [PEER] = {"--peer", false},
    [SLOTS] = {"--slots", false},
    [MEMORY] = {"--memory", false},
    [TAG] = {"--tag", false},
    [INSECURE] = {"--insecure", true},
    [SPIN] = {"--spin", false},
    [TCP_ONLY] = {"--tcp-only", true},
    [RECEIVE_BUDGET] = {"--receive-budget", false},
    [HELD_BUDGET] = {"--held-budget", false},
    [LOG_LEVEL] = {"--log-level", false},
    [READY_FD] = {"--ready-fd", false},
    {NULL, false},
};

/* What the command line says, with room for as many of each as it has words. */
struct settings {
    struct weft_node_options node;
    const char **load, **pipelines, **tags;
    struct weft_node_peer *peers;
    char **peer_names; /* their storage */
    bool no_load;
    char *plugins, *state, *name; /* defaults' storage */
};

static void settings_fini(struct settings *settings)
{
    for (size_t i = 0; i < settings->node.peers_count; i++) {
        free(settings->peer_names[i]);
    }
    free(settings->load);
    free(settings->pipelines);
    free(settings->tags);
    free(settings->peers);
    free(settings->peer_names);
    free(settings->plugins);
    free(settings->state);
    free(settings->name);
}

static bool settings_init(struct settings *settings, size_t count)
{
    settings->load = calloc(count, sizeof(char *));
    settings->pipelines = calloc(count, sizeof(char *));
    settings->tags = calloc(count, sizeof(char *));
    settings->peers = calloc(count, sizeof(*settings->peers));
    settings->peer_names = calloc(count, sizeof(char *));
    settings->node.load = settings->load;
    settings->node.pipelines = settings->pipelines;
    settings->node.tags = settings->tags;
    settings->node.peers = settings->peers;
    settings->node.listen = "127.0.0.1:8000";
    settings->node.log_level = WEFT_LOG_INFO;
    return settings->load != NULL && settings->pipelines != NULL && settings->tags != NULL &&
           settings->peers != NULL && settings->peer_names != NULL;
}

static bool take_peer(const struct weft_arguments *walk, struct settings *settings)
{
    struct weft_node_options *node = &settings->node;
    const char *equals = strchr(walk->value, '=');
    if (equals == NULL || equals == walk->value || !weft_client_is_address(equals + 1)) {
        weft_cli_usage(walk->verb, "--peer is NAME=HOST:PORT, not \"%s\"", walk->value);
        return false;
    }
    char *name = strndup(walk->value, (size_t)(equals - walk->value));
    if (name == NULL) {
        weft_cli_usage(walk->verb, "out of memory");
        return false;
    }
    settings->peer_names[node->peers_count] = name;
    settings->peers[node->peers_count++] = (struct weft_node_peer){name, equals + 1};
    return true;
}

static bool take_number(const struct weft_arguments *walk, int option, struct settings *settings)
{
    static const char *const switches[] = {"on", "off", NULL};
    static const char *const levels[] = {"debug", "info", "warning", "error", NULL};
    struct weft_node_options *node = &settings->node;
    uint64_t number = 0;
    size_t index = 0;
    switch (option) {
    case SLOTS:
        if (!weft_argument_number(walk, "--slots", 1, 65535, &number)) {
            return false;
        }
        node->slots = (uint32_t)number;
        return true;
    case MEMORY:
        return weft_argument_size(walk, "--memory", &node->memory_bytes);
    case RECEIVE_BUDGET:
        if (!weft_argument_size(walk, "--receive-budget", &number)) {
            return false;
        }
        node->receive_budget_bytes = number;
        return true;
    case HELD_BUDGET:
        if (!weft_argument_size(walk, "--held-budget", &number)) {
            return false;
        }
        node->held_budget_bytes = number;
        return true;
    case SPIN:
        if (!weft_argument_word(walk, "--spin", switches, &index)) {
            return false;
        }
        node->spin = index == 1 ? WEFT_NODE_SPIN_OFF : WEFT_NODE_SPIN_ON;
        return true;
    case READY_FD:
        if (!weft_argument_number(walk, "--ready-fd", 3, INT_MAX, &number)) {
            return false;
        }
        if (fcntl((int)number, F_GETFD) < 0) {
            weft_cli_usage(walk->verb,
                           "--ready-fd is an open descriptor, and %d is not open: `weft node "
                           "--ready-fd 3 3>FILE` opens one",
                           (int)number);
            return false;
        }
        node->ready_descriptor = (int)number;
        return true;
    default:
        return weft_argument_word(walk, "--log-level", levels, &index) &&
               weft_log_level_parse(levels[index], &node->log_level);
    }
}

static bool take(const struct weft_arguments *walk, int option, struct settings *settings)
{
    struct weft_node_options *node = &settings->node;
    const char *value = walk->value;
    switch (option) {
    case NAME:
        node->name = value;
        return true;
    case LISTEN:
        return weft_argument_address(walk, "--listen", &node->listen);
    case MODELS:
        node->models = value;
        return true;
    case PLUGINS:
        node->plugins = value;
        return true;
    case STATE:
        node->state = value;
        return true;
    case LOAD:
        settings->load[node->load_count++] = value;
        return true;
    case NO_LOAD:
        settings->no_load = true;
        return true;
    case PIPELINES:
        settings->pipelines[node->pipelines_count++] = value;
        return true;
    case TAG:
        settings->tags[node->tags_count++] = value;
        return true;
    case TCP_ONLY:
        node->tcp_only = true;
        return true;
    case INSECURE:
        node->insecure = true;
        return true;
    case PEER:
        return take_peer(walk, settings);
    case WEFT_ARGUMENTS_WORD:
        weft_cli_usage(walk->verb, "takes no words, but got \"%s\"", value);
        return false;
    case WEFT_ARGUMENTS_WRONG:
        return false;
    default:
        return take_number(walk, option, settings);
    }
}

/* False where the settings do not go together. */
static bool complete(const struct weft_verb *verb, struct settings *settings)
{
    struct weft_node_options *node = &settings->node;
    if (node->load_count > 0 && (settings->no_load || node->models == NULL)) {
        weft_cli_usage(verb, settings->no_load ? "--load and --no-load exclude each other"
                                               : "--load needs --models DIR to load from");
        return false;
    }
    node->load_all = node->load_count == 0 && !settings->no_load;
    if (node->plugins == NULL) {
        node->plugins = settings->plugins = weft_place_plugins();
    }
    if (node->name == NULL) {
        char name[256] = "";
        if (gethostname(name, sizeof(name) - 1) != 0 || name[0] == '\0') {
            snprintf(name, sizeof(name), "node");
        }
        node->name = settings->name = strdup(name);
    }
    if (node->state == NULL) {
        node->state = settings->state = weft_place_state(NULL, node->name);
    } else if (node->state[0] == '\0') {
        node->state = NULL;
    }
    return node->name != NULL;
}

/* glibc gives the end of its heap back to the kernel as soon as 128 KiB of it are free: with every
 * message of some KiB that goes, to be faulted in anew for the next one. Large buffers have pools
 * of their own. */
static void keep_small_memory(void)
{
    enum { KEPT_BYTES = 2 * 1024 * 1024, MAPPED_FROM_BYTES = 512 * 1024 };
    (void)mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
    (void)mallopt(M_MMAP_THRESHOLD, MAPPED_FROM_BYTES);
}

static int serve(const struct settings *settings)
{
    keep_small_memory();
    cleanup_error struct weft_error *error = NULL;
    cleanup_text struct weft_text findings = {0};
    struct weft_node *node = NULL;
    enum weft_status status = weft_node_open(&settings->node, &findings, &node, &error);
    fputs(weft_text_string(&findings), stderr);
    if (status == WEFT_OK) {
        status = weft_node_run(node, &error);
    }
    return status == WEFT_OK ? WEFT_EXIT_OK : weft_cli_fail(&weft_verb_node, error);
}

static int run(int count, char **arguments)
{
    struct settings settings = {0};
    struct weft_arguments walk = {&weft_verb_node, options, count, arguments, 0, false, NULL};
    bool well = settings_init(&settings, (size_t)count);
    for (int option; well && (option = weft_arguments_next(&walk)) != WEFT_ARGUMENTS_END;) {
        well = take(&walk, option, &settings);
    }
    well = well && complete(&weft_verb_node, &settings);
    int code = well ? serve(&settings) : WEFT_EXIT_USAGE;
    settings_fini(&settings);
    return code;
}

const struct weft_verb weft_verb_node = {
    .name = "node",
    .summary = "runs one node: its models, and the door to the cluster",
    .help =
        "usage: weft node [OPTIONS]\n\n"
        "Runs one node until SIGTERM or SIGINT, which let what is under way end; a second signal\n"
        "ends it at once. It answers the Open Inference Protocol over HTTP and gRPC on one "
        "port.\n\n"
        "  --name NAME             its name in the cluster (the host's name)\n"
        "  --listen HOST:PORT      where it listens (127.0.0.1:8000)\n"
        "  --insecure              allow an address that other machines reach\n"
        "  --models DIR            model directory in Triton's layout\n"
        "  --load MODEL            load this one, and end if that fails; repeat (all models)\n"
        "  --no-load               load none until somebody asks\n"
        "  --plugins DIR           where backends lie (beside the program)\n"
        "  --state DIR             what models keep ($XDG_STATE_HOME/weft/NAME; '' = nothing)\n"
        "  --pipelines FILE|DIR    pipelines that can be called here; repeat\n"
        "  --peer NAME=HOST:PORT   another node of the cluster; repeat\n"
        "  --slots N               steps at the same time (number of processors)\n"
        "  --memory SIZE           for steps, as 4GiB (unlimited)\n"
        "  --tag TAG               what steps can ask for, as gpu; repeat\n"
        "  --spin on|off           look for messages a little longer before sleeping (on)\n"
        "  --tcp-only              no Unix sockets with the processes of this host\n"
        "  --receive-budget SIZE   memory for messages that are arriving (1GiB)\n"
        "  --held-budget SIZE      memory for inputs and unread answers (as --receive-budget)\n"
        "  --log-level LEVEL       debug, info, warning, error (info)\n"
        "  --ready-fd N            an open descriptor that gets a line when the node is ready\n\n"
        "example:\n"
        "  weft node --name A --listen 127.0.0.11:8000 --models models/repository --load face \\\n"
        "      --peer gateway=127.0.0.15:8000\n",
    .run = run,
};
