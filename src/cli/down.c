/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/value.h"
#include "cli/arguments.h"
#include "cli/places.h"
#include "cli/up.h"
#include "cli/verbs.h"

enum { TIMEOUT, FORCE };

static void signal_process(const struct up_process *process, int number)
{
    (void)syscall(SYS_pidfd_send_signal, process->descriptor, number, NULL, 0);
}

/* A pidfd can be read when its process has ended (pidfd_open(2)). */
static bool ends_until(const struct up_process *process, uint64_t deadline_ms)
{
    for (;;) {
        uint64_t now_ms = up_now_ms();
        uint64_t left_ms = now_ms < deadline_ms ? deadline_ms - now_ms : 0;
        struct pollfd watched = {process->descriptor, POLLIN, 0};
        int seen = poll(&watched, 1, (int)(left_ms < 1000 ? left_ms : 1000));
        if (seen > 0) {
            return true;
        }
        if (left_ms == 0) {
            return false;
        }
    }
}

static int end_all(const struct up_process *processes, size_t count, uint64_t timeout_ms)
{
    uint64_t deadline_ms = up_now_ms() + timeout_ms;
    int code = WEFT_EXIT_OK;
    for (size_t i = 0; i < count; i++) {
        signal_process(&processes[i], SIGTERM);
    }
    for (size_t i = 0; i < count; i++) {
        if (!ends_until(&processes[i], deadline_ms)) {
            fprintf(stderr, "weft down: node %s did not end in time and was killed\n",
                    processes[i].node);
            signal_process(&processes[i], SIGKILL);
            (void)ends_until(&processes[i], up_now_ms() + 1000);
            code = WEFT_EXIT_DEADLINE;
        }
    }
    return code;
}

static int bring_down(const char *file, uint64_t timeout_ms, bool force)
{
    cleanup_error struct weft_error *error = NULL;
    cleanup_text struct weft_text findings = {0};
    cleanup_cluster struct weft_cluster *cluster = NULL;
    cleanup_free char *directory = NULL;
    struct up_process *processes = NULL;
    size_t count = 0;
    enum weft_status status = weft_cluster_read(file, &findings, &cluster, &error);
    fputs(weft_text_string(&findings), stderr);
    if (status == WEFT_OK) {
        directory = weft_place_running(cluster->name);
        status = directory != NULL ? up_directory_processes(directory, &processes, &count, &error)
                                   : weft_error_set_out_of_memory(&error);
    }
    if (status == WEFT_NOT_FOUND && cluster != NULL) {
        status = weft_error_wrap(&error, status, "cluster \"%s\" is not up", cluster->name);
    }
    if (status == WEFT_OK && !force) {
        status = up_directory_check_file(directory, file, &error);
        status = status != WEFT_OK
                     ? weft_error_wrap(&error, status, "cluster \"%s\" is left", cluster->name)
                     : status;
    }
    if (status != WEFT_OK) {
        up_processes_free(processes, count);
        return weft_cli_fail(&weft_verb_down, error);
    }
    int code = end_all(processes, count, timeout_ms);
    up_processes_free(processes, count);
    up_directory_remove(directory);
    printf("%s is down: %zu node%s\n", cluster->name, count, count == 1 ? "" : "s");
    return code;
}

static int run(int count, char **arguments)
{
    static const struct weft_option options[] = {
        [TIMEOUT] = {"--timeout", false}, [FORCE] = {"--force", true}, {NULL, false}};
    struct weft_arguments walk = {&weft_verb_down, options, count, arguments, 0, false, NULL};
    const char *file = NULL;
    uint64_t timeout_ms = UP_END_TIMEOUT_MS;
    bool force = false;
    for (int option; (option = weft_arguments_next(&walk)) != WEFT_ARGUMENTS_END;) {
        if (option == WEFT_ARGUMENTS_WORD && file == NULL) {
            file = walk.value;
        } else if (option == WEFT_ARGUMENTS_WORD) {
            return weft_cli_usage(&weft_verb_down, "takes one FILE, but got \"%s\" too",
                                  walk.value);
        } else if (option == FORCE) {
            force = true;
        } else if (option != TIMEOUT ||
                   !weft_argument_duration_ms(&walk, "--timeout", &timeout_ms)) {
            return WEFT_EXIT_USAGE;
        }
    }
    return file != NULL ? bring_down(file, timeout_ms, force)
                        : weft_cli_usage(&weft_verb_down, "needs a cluster FILE");
}

const struct weft_verb weft_verb_down = {
    .name = "down",
    .summary = "ends a cluster that `weft up --wait` has started",
    .help = "usage: weft down FILE [--timeout DURATION] [--force]\n\n"
            "Ends the nodes of a cluster that `weft up FILE --wait` has started, and waits for it. "
            "What\n"
            "is under way may end first. A cluster of the same name that was started with another\n"
            "file is left alone.\n\n"
            "  --timeout DURATION   then they are killed (15s)\n"
            "  --force              whatever file it was started with\n\n"
            "example:\n"
            "  weft down examples/portrait/cluster.yaml\n",
    .run = run,
};
