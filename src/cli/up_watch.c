/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/up.h"

uint64_t up_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- what nodes say --- */

static void told(struct up_child *child)
{
    char *line = strndup(child->line, child->line_length);
    fprintf(stderr, "[%s] %.*s\n", child->node->name, (int)child->line_length, child->line);
    child->line_length = 0;
    char **slot = &child->last_words[child->words_count++ % UP_LAST_WORDS];
    free(*slot);
    *slot = line;
}

static void take_output(struct up_child *child)
{
    char bytes[4096];
    ssize_t length;
    while ((length = read(child->output, bytes, sizeof(bytes))) > 0) {
        for (ssize_t i = 0; i < length; i++) {
            if (bytes[i] == '\n' || child->line_length == sizeof(child->line)) {
                told(child);
            }
            if (bytes[i] != '\n') {
                child->line[child->line_length++] = bytes[i];
            }
        }
    }
    if (length == 0) {
        if (child->line_length > 0) {
            told(child);
        }
        close(child->output);
        child->output = -1;
    }
}

/* Asking over the network could be answered by somebody else who has the node's address. */
static void take_notice(struct up_child *child)
{
    char bytes[16];
    ssize_t length = read(child->notice, bytes, sizeof(bytes));
    if (length > 0) {
        child->ready = true;
        fprintf(stderr, "node %s is ready at %s\n", child->node->name, child->node->listen);
    }
    close(child->notice);
    child->notice = -1;
}

static void last_lines_of_log(const struct up_child *child)
{
    /* Enough for UP_LAST_WORDS lines of the usual length. */
    char text[8 * 1024];
    FILE *file = fopen(child->log, "re");
    if (file == NULL) {
        return;
    }
    if (fseek(file, -(long)(sizeof(text) - 1), SEEK_END) != 0) {
        rewind(file);
    }
    size_t length = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    size_t from = length;
    for (int lines = 0; from > 0; from--) {
        lines += text[from - 1] == '\n' && from < length;
        if (lines == UP_LAST_WORDS) {
            break;
        }
    }
    text[length] = '\0';
    for (const char *line = text + from; *line != '\0';) {
        size_t size = strcspn(line, "\n");
        fprintf(stderr, "  [%s] %.*s\n", child->node->name, (int)size, line);
        line += size + (line[size] == '\n');
    }
}

void up_last_words(const struct up_child *child)
{
    if (child->log != NULL) {
        last_lines_of_log(child);
        return;
    }
    size_t first = child->words_count > UP_LAST_WORDS ? child->words_count - UP_LAST_WORDS : 0;
    for (size_t i = first; i < child->words_count; i++) {
        const char *line = child->last_words[i % UP_LAST_WORDS];
        fprintf(stderr, "  [%s] %s\n", child->node->name, line != NULL ? line : "");
    }
}

/* --- ends and signals --- */

void up_how_it_ended(const struct up_child *child, struct weft_text *text)
{
    if (WIFSIGNALED(child->wait_status)) {
        weft_text_printf(text, "was ended by signal %d", WTERMSIG(child->wait_status));
    } else {
        weft_text_printf(text, "ended with exit code %d", WEXITSTATUS(child->wait_status));
    }
}

static void reap(struct up *up)
{
    for (size_t i = 0; i < up->cluster->nodes_count; i++) {
        struct up_child *child = &up->children[i];
        if (child->pid > 0 && !child->ended &&
            waitpid(child->pid, &child->wait_status, WNOHANG) == child->pid) {
            child->ended = true;
            if (child->output >= 0) {
                take_output(child);
            }
        }
    }
}

static void take_signals(struct up *up)
{
    struct signalfd_siginfo info;
    while (read(up->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGCHLD) {
            reap(up);
        } else {
            up->asked++;
        }
    }
}

void up_watch(struct up *up, int timeout_ms)
{
    size_t count = up->cluster->nodes_count;
    struct pollfd watched[2 * WEFT_CLUSTER_NODES_MAX + 1] = {{up->signals, POLLIN, 0}};
    for (size_t i = 0; i < count; i++) {
        watched[2 * i + 1] = (struct pollfd){up->children[i].output, POLLIN, 0};
        watched[2 * i + 2] = (struct pollfd){up->children[i].notice, POLLIN, 0};
    }
    if (poll(watched, 2 * count + 1, timeout_ms) <= 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (watched[2 * i + 1].revents != 0) {
            take_output(&up->children[i]);
        }
        if (watched[2 * i + 2].revents != 0) {
            take_notice(&up->children[i]);
        }
    }
    if (watched[0].revents != 0) {
        take_signals(up);
    }
}

size_t up_running(const struct up *up)
{
    size_t running = 0;
    for (size_t i = 0; i < up->cluster->nodes_count; i++) {
        running += up->children[i].pid > 0 && !up->children[i].ended;
    }
    return running;
}

struct up_child *up_ended(const struct up *up)
{
    for (size_t i = 0; i < up->cluster->nodes_count; i++) {
        if (up->children[i].ended) {
            return &up->children[i];
        }
    }
    return NULL;
}

static void signal_all(const struct up *up, int number)
{
    for (size_t i = 0; i < up->cluster->nodes_count; i++) {
        const struct up_child *child = &up->children[i];
        if (child->pid > 0 && !child->ended) {
            kill(child->pid, number);
        }
    }
}

void up_end(struct up *up)
{
    uint64_t cut_ms = up_now_ms() + UP_END_TIMEOUT_MS;
    size_t asked = up->asked;
    bool cut = false;
    signal_all(up, SIGTERM);
    while (up_running(up) > 0) {
        up_watch(up, 100);
        if (up->asked > asked) {
            asked = up->asked;
            signal_all(up, SIGTERM); /* a second one ends a node at once */
        }
        if (!cut && up_now_ms() >= cut_ms) {
            cut = true;
            signal_all(up, SIGKILL);
        }
    }
}
