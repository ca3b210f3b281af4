/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_BASE_MESSAGE_H
#define WEFT_BASE_MESSAGE_H

/*
 * The words of the run protocol: what nodes say to each other, as plain data. `sched` decides what
 * is said, `wire` puts it into bytes (proto/weft/v1/node.proto), `link` carries it, `run` stands
 * between. A message is built and consumed on one thread; the values inside may be shared.
 *
 * A plan is prepared once on every node that takes part and then named by its id; a request needs
 * no message but its data: DELIVER carries a value from its producer's node straight to its
 * consumer's. The gateway hears REPORTs off the critical path, many in one message, and says CANCEL
 * when a request is over early.
 */

#include <stdbool.h>
#include <stdint.h>
#include <weft/error.h>
#include <weft/model.h>

#include "base/parameters.h"
#include "base/trace.h"
#include "base/value.h"

/* Neighbouring versions work together: a node accepts WEFT_PROTOCOL_VERSION and the one before. */
enum { WEFT_PROTOCOL_VERSION = 1 };

/* The run protocol's limits: what a peer sends beyond them is INVALID_ARGUMENT, and its session is
 * closed. */
enum {
    WEFT_NAME_MAX = 255, /* names of nodes, models, steps, tensors: also file names */
    WEFT_PLAN_STEPS_MAX =
        1024, /* a drawn graph of more is unreadable; bounds every table by step */
    WEFT_PLAN_NODES_MAX = 1024,  /* as many as a cluster file may name */
    WEFT_PLAN_EDGES_MAX = 16384, /* 16 per step */
    WEFT_NODE_MODELS_MAX = 1024, /* versions of models that one node announces: one that has more
                                    leaves the oldest of each out */
    WEFT_NODE_TAGS_MAX = 64,
    /* The constants of one node's part of a plan, together: they are written by hand in a
       pipeline's file; what is larger is an input, or belongs into a model. */
    WEFT_PLAN_CONSTANTS_MAX_BYTES = 64 * 1024 * 1024,
    WEFT_REQUEST_ID_MAX =
        1024,              /* bytes of the client's name of a request: it goes with each value */
    WEFT_REPORTS_MAX = 64, /* reports of one message: its own cost is then a small part of theirs,
                              and a gateway that reads one is soon back at what is urgent */
};

/* A request, unique in the cluster: its gateway's boot generation and a number that the gateway
 * counts up. */
struct weft_request_id {
    uint64_t gateway;
    uint64_t sequence;
};

/* The producer of an input that is not a step but the gateway: its `output` counts the pipeline's
 * inputs. */
#define WEFT_STEP_GATEWAY UINT32_MAX
/* In place of an output's index: the step has finished; for dependencies without data. */
#define WEFT_OUTPUT_FINISHED UINT32_MAX

/* What a node can hold and do; 0 memory = unlimited. */
struct weft_resources {
    uint32_t slots; /* tasks at the same time */
    uint64_t memory_bytes;
    char **tags; /* e.g. "gpu", sorted */
    size_t tags_count;
};

/* What a model's configuration says that one call of it needs. */
struct weft_needs {
    uint32_t slots; /* usually 1 */
    uint64_t memory_bytes;
    char **tags;
    size_t tags_count;
};

struct weft_model_tensor {
    char *name;
    enum weft_datatype datatype;
    struct weft_shape shape;
    bool optional;
};

/* A model as its node announces it. */
struct weft_model_info {
    char *name;
    char *version;  /* "1" */
    char *platform; /* "onnxruntime_onnx", "weft_plugin", ... as metadata shows it */
    uint64_t generation;
    bool ready;
    bool deterministic;
    bool streaming;
    struct weft_needs needs;
    struct weft_model_tensor *inputs;
    size_t inputs_count;
    struct weft_model_tensor *outputs;
    size_t outputs_count;
};

/* A node as it announces itself; sent in HELLO and again when something changed. */
struct weft_node_info {
    char *name;
    uint64_t generation; /* of this boot; an older one is fenced off */
    char *address;       /* "127.0.0.11:8000" */
    struct weft_resources resources;
    struct weft_model_info *models;
    size_t models_count;
};

/* Where an output goes: one entry for each node that has a consumer, so a value crosses to a node
 * once however many steps there take it. The gateway's node is one of them where the output is one
 * of the pipeline's. */
struct weft_plan_destination {
    uint32_t node; /* index into the plan's nodes */
    char *lane;    /* as the pipeline pins it; NULL = chosen */
};

struct weft_plan_output {
    char *name; /* the model's name of it */
    struct weft_plan_destination *destinations;
    size_t destinations_count;
};

struct weft_plan_input {
    char *name;                  /* the model's name of it */
    struct weft_value *constant; /* NULL = comes by DELIVER from: */
    uint32_t from_step;          /* index of the producer, or WEFT_STEP_GATEWAY */
    uint32_t
        from_output; /* index of the producer's output (in its task), or of the pipeline's input */
};

/* One step as the node that runs it must know it. */
struct weft_plan_task {
    uint32_t step; /* index, unique in the plan */
    char *step_name;
    char *model;
    char *model_version; /* NULL = the newest ready one */
    struct weft_needs needs;
    struct weft_parameters parameters;
    struct weft_plan_input *inputs;
    size_t inputs_count;
    uint32_t *after; /* steps whose end, without data, it waits for; WEFT_STEP_GATEWAY = the start
                        of the request */
    size_t after_count;
    struct weft_plan_output *outputs; /* those that somebody consumes */
    size_t outputs_count;
    struct weft_plan_destination
        *finished; /* nodes that are told, without data, when the step has finished */
    size_t finished_count;
};

struct weft_plan_node {
    char *name;
    uint64_t generation;
    char *address;
};

/* The part of a plan that one node needs: its own tasks, and where everybody is. */
struct weft_node_plan {
    uint64_t gateway; /* generation of the gateway that numbered the plan */
    uint64_t plan;    /* its number */
    char *pipeline;
    char *pipeline_version; /* "" if none */
    struct weft_plan_node *nodes;
    size_t nodes_count;
    uint32_t gateway_node; /* index into nodes */
    struct weft_plan_task *tasks;
    size_t tasks_count;
};

enum weft_report_kind {
    WEFT_REPORT_STARTED = 1,
    WEFT_REPORT_FINISHED = 2,
    WEFT_REPORT_FAILED = 3,
};

/* How a value went. Numbers of the protocol: a later version may say one that this one doesn't
 * know.
 */
enum weft_lane {
    WEFT_LANE_NONE = 0, /* it has not gone yet */
    WEFT_LANE_LOCAL = 1,
    WEFT_LANE_GRPC = 2,
};

/* How its bytes were written. As with lanes. */
enum weft_codec {
    WEFT_CODEC_NONE = 0,
    WEFT_CODEC_IDENTITY = 1,
};

/* What one edge carried, as its sender saw it. */
struct weft_report_transfer {
    uint32_t output;  /* index of the task's output */
    uint32_t to_node; /* index into the plan's nodes */
    uint64_t raw_bytes;
    uint64_t wire_bytes;   /* 0 where it stayed in the process */
    uint64_t copied_bytes; /* in user space, by the sender */
    enum weft_lane lane;
    enum weft_codec codec;
};

struct weft_report {
    enum weft_report_kind kind;
    uint32_t step;
    uint32_t attempt;
    uint64_t start_ns; /* wall clock, so that nodes of one host compare */
    uint64_t end_ns;
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint32_t pid;
    uint64_t model_generation;
    bool cache_hit;
    struct weft_report_transfer *transfers;
    size_t transfers_count;
    struct weft_error *error; /* FAILED */
};

/* A report and whose it is. */
struct weft_run_report {
    uint64_t sequence; /* of the request; its gateway is the message's */
    uint64_t plan;
    struct weft_report report;
};

/* In the order in which they came to pass, or were found worth telling. */
struct weft_run_reports {
    uint64_t gateway; /* generation of the gateway that numbered the requests and plans */
    struct weft_run_report *reports;
    size_t reports_count; /* 1 to WEFT_REPORTS_MAX */
};

enum weft_message_kind {
    WEFT_MESSAGE_HELLO = 1,   /* both ways, first; and again when the node changed */
    WEFT_MESSAGE_PREPARE = 2, /* gateway to node */
    WEFT_MESSAGE_PREPARED = 3,
    WEFT_MESSAGE_RELEASE = 4, /* gateway to node: the plan is not used any more */
    WEFT_MESSAGE_DELIVER = 5, /* producer's node (or gateway) to consumer's node (or gateway) */
    WEFT_MESSAGE_REPORT = 6,  /* node to gateway */
    WEFT_MESSAGE_CANCEL = 7,  /* gateway to node */
};

struct weft_prepared {
    uint64_t gateway;
    uint64_t plan;
    struct weft_error *error; /* NULL = ready; of a plan that was ready: given up to make room */
};

/* Which of the receiving node's inputs a value is for follows from its producer and the plan. */
struct weft_deliver {
    struct weft_request_id request;
    uint64_t plan;
    uint32_t from_step;   /* or WEFT_STEP_GATEWAY */
    uint32_t from_output; /* or WEFT_OUTPUT_FINISHED */
    uint32_t attempt;
    uint32_t part; /* of a streamed output, from 0 */
    bool last;
    uint64_t timeout_ns; /* what is left of the deadline; UINT64_MAX = none */
    struct weft_trace trace;
    char *id;                          /* the client's name of the request; NULL = none */
    struct weft_parameters parameters; /* of the request */
    struct weft_value *value;          /* NULL with WEFT_OUTPUT_FINISHED */
};

struct weft_cancel {
    struct weft_request_id request;
    uint64_t plan;
    enum weft_status reason;
};

/* One message. `session` numbers and acknowledges are the envelope's, see sched/session.h. */
struct weft_message {
    enum weft_message_kind kind;
    union {
        struct weft_node_info hello;
        struct weft_node_plan prepare;
        struct weft_prepared prepared;
        struct weft_prepared release; /* error unused */
        struct weft_deliver deliver;
        struct weft_run_reports report;
        struct weft_cancel cancel;
    };
};

/* What stands around a message on the way (sched/session.h). HELLO is not numbered: its sequence is
 * 0. An envelope without message only acknowledges. */
struct weft_envelope {
    uint64_t incarnation; /* of the sender's end of the session; a higher one replaces it, a lower
                             one is stale */
    uint64_t peer_incarnation; /* of the receiver's end, as far as the sender knows; 0 = not yet */
    uint64_t sequence;         /* from 1 within the incarnation */
    uint64_t acknowledged; /* every message of peer_incarnation up to this has arrived; without a
                              peer_incarnation: ends of the receiver up to this one are given up */
    bool again;            /* what follows `acknowledged` was missed, and is to be sent again */
    struct weft_message *message;
};

/* Releases what the message owns; the structure itself stays the caller's. */
void weft_message_fini(struct weft_message *message);
/* Heap form, for queues. weft_message_free releases both; NULL is fine. */
struct weft_message *weft_message_new(enum weft_message_kind kind);
void weft_message_free(struct weft_message *message);
/* A copy that shares values and errors. NULL if out of memory. */
struct weft_message *weft_message_copy(const struct weft_message *message);

/* "deliver", ...; for logs. */
const char *weft_message_kind_name(enum weft_message_kind kind);

void weft_node_info_fini(struct weft_node_info *info);
WEFT_MUST_CHECK bool weft_node_info_copy(const struct weft_node_info *info,
                                         struct weft_node_info *ret_info);
void weft_model_info_fini(struct weft_model_info *info);
WEFT_MUST_CHECK bool weft_model_info_copy(const struct weft_model_info *info,
                                          struct weft_model_info *ret_info);
void weft_needs_fini(struct weft_needs *needs);
WEFT_MUST_CHECK bool weft_needs_copy(const struct weft_needs *needs, struct weft_needs *ret_needs);
void weft_node_plan_fini(struct weft_node_plan *plan);
WEFT_MUST_CHECK bool weft_node_plan_copy(const struct weft_node_plan *plan,
                                         struct weft_node_plan *ret_plan);
/* Of all constants of its tasks, each time that one is used. */
uint64_t weft_node_plan_constants_bytes(const struct weft_node_plan *plan);
/* "grpc", ...; "" = none, "unknown" for a number of a later version. */
const char *weft_lane_name(enum weft_lane lane);
const char *weft_codec_name(enum weft_codec codec);
void weft_report_fini(struct weft_report *report);
WEFT_MUST_CHECK bool weft_report_copy(const struct weft_report *report,
                                      struct weft_report *ret_report);

WEFT_DEFINE_CLEANUP(struct weft_message, weft_message_free)
#define cleanup_message WEFT_CLEANUP(weft_message_free_cleanup)

#endif
