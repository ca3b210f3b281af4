/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/sched/stage_sets.h"

const char set_pair[] = "pipeline: pair\n"
                        "inputs: {x: {datatype: UINT8, shape: [-1]}}\n"
                        "steps:\n"
                        "  one: {model: ma, inputs: {i: x}}\n"
                        "  two: {model: mb, inputs: {i: one.o}}\n"
                        "outputs: {y: two.o}\n";

const char set_branches[] = "pipeline: p\n"
                            "inputs: {x: {datatype: UINT8, shape: [-1]}}\n"
                            "steps:\n"
                            "  left: {model: m, inputs: {i: x}}\n"
                            "  right: {model: m, inputs: {i: x}}\n"
                            "  join: {model: m, inputs: {l: left.o, r: right.o}}\n"
                            "outputs: {y: join.o}\n";

const char set_stream[] = "pipeline: p\nsteps:\n"
                          "  speak: {model: m}\n"
                          "outputs: {word: speak.word, log: speak.log}\n";

void on_two_nodes(struct stage *stage, const char *yaml)
{
    stage_init(stage);
    stage_node(stage, "gateway", 1, 0);
    stage_model(stage, stage_node(stage, "a", 1, 0), "ma");
    stage_model(stage, stage_node(stage, "b", 1, 0), "mb");
    stage_up(stage);
    stage_pipeline(stage, yaml);
}

void on_one_worker(struct stage *stage, uint32_t slots, uint64_t memory_bytes, const char *yaml)
{
    stage_init(stage);
    stage_node(stage, "gateway", 1, 0);
    stage_node(stage, "worker", slots, memory_bytes);
    stage_model(stage, WORKER, "m");
    struct weft_needs *large = stage_model(stage, WORKER, "large");
    large->slots = 2;
    large->memory_bytes = 60;
    stage_up(stage);
    stage_pipeline(stage, yaml);
}

struct weft_gateway *gateway_of(struct stage *stage)
{
    return stage->nodes[GATEWAY].gateway;
}

struct weft_worker_state state_of(struct stage *stage)
{
    return weft_worker_state(stage->nodes[WORKER].worker);
}
