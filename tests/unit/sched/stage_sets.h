/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_SCHED_STAGE_SETS_H
#define TESTS_UNIT_SCHED_STAGE_SETS_H

/*
 * Stages that several stories play on, ready for their first request.
 */

#include "unit/sched/stage.h"

/* The nodes' indices: on two nodes, and with one worker. */
enum { GATEWAY, A, B };
enum { WORKER = 1 };

/* x -> one (model ma) -> two (model mb) -> y */
extern const char set_pair[];
/* left and right (model m) take x, join takes both */
extern const char set_branches[];
/* speak (model m) gives word and log, and takes nothing */
extern const char set_stream[];

/* Node a has model ma and node b model mb, one slot each. */
void on_two_nodes(struct stage *stage, const char *yaml);
/* The worker has the models m and large, which needs two slots and 60 bytes. */
void on_one_worker(struct stage *stage, uint32_t slots, uint64_t memory_bytes, const char *yaml);

struct weft_gateway *gateway_of(struct stage *stage);
struct weft_worker_state state_of(struct stage *stage);

#endif
