/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_CLI_REPORT_H
#define WEFT_CLI_REPORT_H

/* What a run's record says, for people: a table of its steps, their timeline, and one last line for
 * scripts. One thread. */

#include "client/record.h"

/* Appends all three. `between` NULL = the bytes between the nodes are not known. width in places of
 * the screen; `blocks` as in timeline.h. */
void weft_report_write(const struct weft_record *record, uint64_t duration_ns,
                       const struct weft_between *between, size_t width, bool blocks,
                       struct weft_text *text);

#endif
