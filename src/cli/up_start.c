/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cli/places.h"
#include "cli/up.h"

/* --- a node's command line --- */

struct command {
    char **items; /* ended by NULL */
    size_t count;
    size_t capacity;
    bool failed;
};

static void add(struct command *command, const char *text)
{
    if (command->count + 2 > command->capacity) {
        size_t capacity = command->capacity * 2 + 32;
        char **items = realloc(command->items, capacity * sizeof(char *));
        if (items == NULL) {
            command->failed = true;
            return;
        }
        command->items = items;
        command->capacity = capacity;
    }
    char *copy = strdup(text);
    command->failed = command->failed || copy == NULL;
    if (copy != NULL) {
        command->items[command->count++] = copy;
    }
    command->items[command->count] = NULL;
}

static void add_option(struct command *command, const char *name, const char *value)
{
    if (value != NULL) {
        add(command, name);
        add(command, value);
    }
}

static void add_number(struct command *command, const char *name, uint64_t number)
{
    char text[32];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    add_option(command, name, number > 0 ? text : NULL);
}

static void command_fini(struct command *command)
{
    for (size_t i = 0; i < command->count; i++) {
        free(command->items[i]);
    }
    free(command->items);
}

static void add_state(struct command *command, const struct up *up, const char *node)
{
    cleanup_free char *state = NULL;
    if (up->cluster->state != NULL) {
        cleanup_text struct weft_text path = {0};
        weft_text_printf(&path, "%s/%s", up->cluster->state, node);
        state = weft_text_steal(&path);
        command->failed = command->failed || state == NULL;
    } else {
        state = weft_place_state(up->cluster->name, node);
    }
    add_option(command, "--state", state);
}

static void add_peers(struct command *command, const struct up *up,
                      const struct weft_cluster_node *self)
{
    for (size_t i = 0; i < up->cluster->nodes_count; i++) {
        const struct weft_cluster_node *peer = &up->cluster->nodes[i];
        if (peer != self) {
            cleanup_text struct weft_text text = {0};
            weft_text_printf(&text, "%s=%s", peer->name, peer->listen);
            command->failed = command->failed || text.failed;
            add_option(command, "--peer", weft_text_string(&text));
        }
    }
}

static void build(struct command *command, const struct up *up,
                  const struct weft_cluster_node *node, int notice)
{
    const struct weft_cluster *cluster = up->cluster;
    add(command, "weft");
    add(command, "node");
    add_option(command, "--name", node->name);
    add_option(command, "--listen", node->listen);
    add_option(command, "--models", node->models);
    for (size_t i = 0; i < node->load.count && !node->load_all; i++) {
        add_option(command, "--load", node->load.items[i]);
    }
    if (node->load.count == 0 && !node->load_all) {
        add(command, "--no-load");
    }
    add_option(command, "--plugins", cluster->plugins);
    add_state(command, up, node->name);
    for (size_t i = 0; node == &cluster->nodes[cluster->gateway] && i < cluster->pipelines.count;
         i++) {
        add_option(command, "--pipelines", cluster->pipelines.items[i]);
    }
    add_peers(command, up, node);
    add_number(command, "--slots", node->slots);
    add_number(command, "--memory", node->memory_bytes);
    for (size_t i = 0; i < node->tags.count; i++) {
        add_option(command, "--tag", node->tags.items[i]);
    }
    if (node->insecure) {
        add(command, "--insecure");
    }
    add_option(command, "--spin", up->spin);
    if (up->tcp_only) {
        add(command, "--tcp-only");
    }
    add_option(command, "--log-level", up->log_level);
    add_number(command, "--ready-fd", (uint64_t)notice);
}

/* --- processes --- */

/* In the child, which came from a process of one thread: only until exec. */
static _Noreturn void become(const struct up *up, char **command, int output, int notice,
                             pid_t parent)
{
    bool foreground = up->directory == NULL;
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (foreground) {
        /* Ctrl-C is for us: we tell the nodes, and a second signal would cut them short. */
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent) {
            _exit(WEFT_EXIT_FAILED);
        }
    } else {
        setsid();
    }
    sigprocmask(SIG_SETMASK, &up->mask, NULL);
    signal(SIGPIPE, SIG_DFL);
    fcntl(notice, F_SETFD, 0); /* the one descriptor that the node inherits */
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
        dup2(output, STDERR_FILENO) < 0) {
        _exit(WEFT_EXIT_FAILED);
    }
    execv("/proc/self/exe", command);
    dprintf(STDERR_FILENO, "weft: the program can't be started again: %s\n", strerror(errno));
    _exit(WEFT_EXIT_FAILED);
}

/* Returns the write end, -1 where there is none. */
static int open_pipe(int *ret_read_end)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return -1;
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    *ret_read_end = ends[0];
    return ends[1];
}

/* Where a child's output goes; its read end is left in the child for the foreground. */
static int open_output(struct up *up, struct up_child *child)
{
    if (up->directory == NULL) {
        return open_pipe(&child->output);
    }
    cleanup_text struct weft_text path = {0};
    weft_text_printf(&path, "%s/%s.log", up->directory, child->node->name);
    child->log = weft_text_steal(&path);
    return child->log != NULL
               ? open(child->log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600)
               : -1;
}

static enum weft_status start(struct up *up, struct up_child *child, struct weft_error **error)
{
    struct command command = {0};
    cleanup_close int output = open_output(up, child);
    cleanup_close int notice = open_pipe(&child->notice);
    pid_t parent = getpid();
    pid_t pid = -1;
    if (output >= 0 && notice >= 0) {
        build(&command, up, child->node, notice);
        pid = command.failed ? -1 : fork();
        if (pid == 0) {
            become(up, command.items, output, notice, parent);
        }
    }
    int number = errno;
    bool out_of_memory = command.failed;
    command_fini(&command);
    if (out_of_memory) {
        return weft_error_set_out_of_memory(error);
    }
    if (pid < 0) {
        return weft_error_set(error, WEFT_INTERNAL, "node \"%s\" can't be started: %s",
                              child->node->name, strerror(number));
    }
    child->pid = pid;
    return up->directory != NULL ? up_pid_write(up->directory, child->node->name, pid, error)
                                 : WEFT_OK;
}

enum weft_status up_start(struct up *up, struct weft_error **error)
{
    enum weft_status status = WEFT_OK;
    for (size_t i = 0; status == WEFT_OK && i < up->cluster->nodes_count; i++) {
        status = start(up, &up->children[i], error);
    }
    return status;
}
