/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_CLI_UP_H
#define WEFT_CLI_UP_H

/*
 * What `weft up` and `weft down` share: a cluster's nodes as child processes, and the run directory
 * of a cluster in the background, with NODE.pid and NODE.log for each, and a symbolic link to the
 * file that it was started with. For src/cli/up*.c, down.c. One thread.
 */

#include <signal.h>
#include <sys/types.h>

#include "base/text.h"
#include "cli/cli.h"
#include "client/client.h"
#include "node/cluster.h"

enum {
    UP_LINE_MAX = 4096 + 256, /* of a log, as one that base/log.h cuts, and some room */
    UP_LAST_WORDS = 12,       /* lines of a failed node that are shown */
    /* Between looks at pipelines that become ready. A look is a request each. */
    UP_LOOK_MS = 10,
    UP_TIMEOUT_DEFAULT_MS = 30 * 1000,
    /* After SIGTERM, before SIGKILL: longer than a node drains (node/node.h). */
    UP_END_TIMEOUT_MS = 15 * 1000,
};

struct up_child {
    const struct weft_cluster_node *node;
    pid_t pid;  /* 0 = not started */
    int output; /* foreground: the read end of its output; else -1 */
    int notice; /* the read end of its --ready-fd; -1 = it is ready, or has ended */
    char *log;  /* background: the file of its output; else NULL */
    char line[UP_LINE_MAX];
    size_t line_length;
    char *last_words[UP_LAST_WORDS]; /* foreground, a ring */
    size_t words_count;
    bool ready;
    bool ended;
    int wait_status;
};

struct up {
    const struct weft_verb *verb;
    struct weft_cluster *cluster;
    struct up_child *children; /* cluster->nodes_count of them */
    const char *log_level;     /* NULL = the nodes' default */
    const char *spin;
    bool tcp_only;
    char *directory;  /* background: the run directory; else NULL */
    char **pipelines; /* names, which must be ready at the gateway */
    bool *pipelines_ready;
    size_t pipelines_count;
    struct weft_client *client; /* of the gateway, while it is asked for them */
    char *not_ready;            /* what was last heard of one that isn't */
    int signals;                /* a signalfd of SIGINT, SIGTERM, SIGCHLD */
    sigset_t mask;              /* as it was, for the children */
    size_t asked;               /* times that somebody asked for the end */
};

/* The monotonic clock. */
uint64_t up_now_ms(void);

/* up_start.c */
enum weft_status up_start(struct up *up, struct weft_error **error) WEFT_MUST_CHECK;

/* up_watch.c: waits up to timeout_ms (-1 = for ever) for output, ends and signals, and tells. */
void up_watch(struct up *up, int timeout_ms);
/* Those that have been started and not yet ended. */
size_t up_running(const struct up *up);
/* One that has ended, NULL if there is none. */
struct up_child *up_ended(const struct up *up);
/* "ended with exit code 4", "was ended by signal 9". */
void up_how_it_ended(const struct up_child *child, struct weft_text *text);
void up_last_words(const struct up_child *child);
/* SIGTERM to all, waits, then SIGKILL. */
void up_end(struct up *up);

/* up_ready.c: whether all nodes and pipelines are, having asked for pipelines that were not. */
bool up_is_ready(struct up *up);

/* up_directory.c */
/* Makes it, ours alone, and empties it, for the cluster of this file. FAILED_PRECONDITION where a
 * cluster of its name is up. */
enum weft_status up_directory_make(const char *directory, const char *file,
                                   struct weft_error **error) WEFT_MUST_CHECK;
/* FAILED_PRECONDITION where its cluster was started with another file than this one, by what the
 * paths lead to. One that does not say with which is anybody's. */
enum weft_status up_directory_check_file(const char *directory, const char *file,
                                         struct weft_error **error) WEFT_MUST_CHECK;
/* Writes NODE.pid for a process that runs. */
enum weft_status up_pid_write(const char *directory, const char *node, pid_t pid,
                              struct weft_error **error) WEFT_MUST_CHECK;
/* The processes that run still, as descriptors of pidfd_open(2). The caller closes each and frees
 * both arrays. NOT_FOUND where there is no such directory. */
struct up_process {
    char *node;
    int descriptor;
};
enum weft_status up_directory_processes(const char *directory, struct up_process **ret_processes,
                                        size_t *ret_count,
                                        struct weft_error **error) WEFT_MUST_CHECK;
void up_processes_free(struct up_process *processes, size_t count);
/* Takes the files and the directory away. */
void up_directory_remove(const char *directory);

#endif
