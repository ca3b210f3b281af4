/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_CLI_BENCH_REPORT_H
#define WEFT_CLI_BENCH_REPORT_H

/* What a bench found, for people and for programs. One thread. */

#include "base/text.h"
#include "client/load.h"

void weft_bench_table(const struct weft_load_options *options,
                      const struct weft_load_result *result, struct weft_text *text);
void weft_bench_json(const struct weft_load_options *options, const struct weft_load_result *result,
                     struct weft_text *text);
/* All calls that failed. */
uint64_t weft_bench_failures(const struct weft_load_result *result);

#endif
