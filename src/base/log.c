/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

static const char *const level_words[] = {"debug", "info", "warning", "error"};

struct line {
    char bytes[WEFT_LOG_LINE_MAX];
    size_t length;
};

/* Leaves room for the closing quote and the newline. */
static void put(struct line *line, char character)
{
    if (line->length < sizeof(line->bytes) - 2) {
        line->bytes[line->length++] = character;
    }
}

static void put_string(struct line *line, const char *string)
{
    for (; *string != '\0'; string++) {
        put(line, *string);
    }
}

/* Control characters would let a client forge lines or steer a terminal. */
static void put_quoted(struct line *line, const char *text)
{
    put(line, '"');
    for (; *text != '\0'; text++) {
        unsigned char character = (unsigned char)*text;
        if (character == '"' || character == '\\') {
            put(line, '\\');
            put(line, (char)character);
        } else if (character < 0x20 || character == 0x7F) {
            put(line, ' ');
        } else {
            put(line, (char)character);
        }
    }
    line->bytes[line->length++] = '"';
}

static void put_time(struct line *line, uint64_t wall_ns)
{
    time_t seconds = (time_t)(wall_ns / WEFT_NS_PER_S);
    struct tm calendar;
    char text[64];
    if (gmtime_r(&seconds, &calendar) != NULL &&
        strftime(text, sizeof(text), "time=%Y-%m-%dT%H:%M:%S", &calendar) > 0) {
        put_string(line, text);
        snprintf(text, sizeof(text), ".%06uZ ",
                 (unsigned)(wall_ns % WEFT_NS_PER_S / WEFT_NS_PER_US));
        put_string(line, text);
    }
}

void weft_log(const struct weft_log *log, enum weft_log_level level, const struct weft_trace *trace,
              const char *format, ...)
{
    if (log == NULL || log->write == NULL || level < log->level_min) {
        return;
    }
    struct line line = {.length = 0};
    if (log->wall_ns != NULL) {
        put_time(&line, log->wall_ns(log->context));
    }
    put_string(&line, "level=");
    put_string(&line, level_words[level]);
    if (log->node != NULL) {
        put_string(&line, " node=");
        put_string(&line, log->node);
    }
    if (trace != NULL && weft_trace_is_set(trace)) {
        char traceparent[WEFT_TRACEPARENT_LENGTH + 1];
        weft_trace_format(trace, traceparent);
        put_string(&line, " traceparent=");
        put_string(&line, traceparent);
    }
    char message[WEFT_LOG_LINE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    put_string(&line, " message=");
    put_quoted(&line, message);
    line.bytes[line.length++] = '\n';
    log->write(log->context, line.bytes, line.length);
}

void weft_log_write_stderr(void *context, const char *line, size_t length)
{
    (void)context;
    while (length > 0) {
        ssize_t written = write(STDERR_FILENO, line, length);
        if (written <= 0) {
            return; /* a closed or full standard error must not stop the node */
        }
        line += written;
        length -= (size_t)written;
    }
}

uint64_t weft_log_wall_ns(void *context)
{
    (void)context;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * WEFT_NS_PER_S + (uint64_t)now.tv_nsec;
}

bool weft_log_level_parse(const char *word, enum weft_log_level *ret_level)
{
    for (size_t i = 0; i < sizeof(level_words) / sizeof(level_words[0]); i++) {
        if (strcmp(word, level_words[i]) == 0) {
            *ret_level = (enum weft_log_level)i;
            return true;
        }
    }
    return false;
}
