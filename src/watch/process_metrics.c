/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/buffer.h"
#include "watch/metrics.h"
#include "watch/process.h"

enum { CPU, RESIDENT, VIRTUAL, OPEN_FDS, MAX_FDS, START_TIME, THREADS, COPIED, METRICS_COUNT };

struct process_metrics {
    struct weft_metric *metrics[METRICS_COUNT];
};

/* Counters are kept elsewhere; here they only catch up. */
static void catch_up(struct weft_metric *metric, double value)
{
    weft_metric_add(metric, value - weft_metric_value(metric));
}

static void collect(void *context)
{
    struct process_metrics *process = context;
    struct weft_process_usage usage;
    catch_up(process->metrics[COPIED], (double)weft_copied_bytes_total());
    if (!weft_process_usage_read(&usage)) {
        return;
    }
    catch_up(process->metrics[CPU], usage.cpu_seconds);
    weft_metric_set(process->metrics[RESIDENT], (double)usage.resident_bytes);
    weft_metric_set(process->metrics[VIRTUAL], (double)usage.virtual_bytes);
    weft_metric_set(process->metrics[OPEN_FDS], (double)usage.open_fds);
    weft_metric_set(process->metrics[MAX_FDS], (double)usage.max_fds);
    weft_metric_set(process->metrics[START_TIME], usage.start_time_seconds);
    weft_metric_set(process->metrics[THREADS], (double)usage.threads);
}

enum weft_status weft_metrics_add_process(struct weft_metrics *metrics, struct weft_error **error)
{
    static const struct weft_metric_definition definitions[METRICS_COUNT] = {
        [CPU] = {.kind = WEFT_METRIC_COUNTER,
                 .name = "process_cpu_seconds_total",
                 .help = "Total user and system CPU time spent in seconds."},
        [RESIDENT] = {.kind = WEFT_METRIC_GAUGE,
                      .name = "process_resident_memory_bytes",
                      .help = "Resident memory size in bytes."},
        [VIRTUAL] = {.kind = WEFT_METRIC_GAUGE,
                     .name = "process_virtual_memory_bytes",
                     .help = "Virtual memory size in bytes."},
        [OPEN_FDS] = {.kind = WEFT_METRIC_GAUGE,
                      .name = "process_open_fds",
                      .help = "Number of open file descriptors."},
        [MAX_FDS] = {.kind = WEFT_METRIC_GAUGE,
                     .name = "process_max_fds",
                     .help = "Maximum number of open file descriptors."},
        [START_TIME] = {.kind = WEFT_METRIC_GAUGE,
                        .name = "process_start_time_seconds",
                        .help = "Start time of the process since unix epoch in seconds."},
        [THREADS] = {.kind = WEFT_METRIC_GAUGE,
                     .name = "process_threads",
                     .help = "Threads of the process."},
        [COPIED] = {.kind = WEFT_METRIC_COUNTER,
                    .name = "weft_copied_bytes_total",
                    .help = "Payload bytes copied in user space."},
    };
    struct process_metrics *process = calloc(1, sizeof(*process));
    if (process == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    weft_metrics_own(metrics, process);
    for (size_t i = 0; i < METRICS_COUNT; i++) {
        struct weft_metric_family *family = NULL;
        enum weft_status status = weft_metrics_add(metrics, &definitions[i], &family, error);
        if (status != WEFT_OK) {
            return status;
        }
        process->metrics[i] = weft_metric_series(family, NULL);
    }
    return weft_metrics_add_collector(metrics, collect, process, error);
}
