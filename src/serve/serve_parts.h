/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_SERVE_SERVE_PARTS_H
#define WEFT_SERVE_SERVE_PARTS_H

/*
 * The inside of the doors, shared by their files: serve.c (life, routes and methods), visit.c (REST
 * requests from arrival to answer), call.c (the same for gRPC), infer.c and held.c, rest_infer.c,
 * rest_answer.c, grpc_message.c, grpc_infer.c, grpc_stream.c (inference), describe.c (metadata and
 * readiness), repository.c, health.c, reflection.c, lists.c and serve_metrics.c. Nobody else
 * includes it; the loop's thread.
 */

#include "base/list.h"
#include "serve/serve.h"
#include "wire/gzip.h"
#include "wire/oip.h"
#include "wire/oip_grpc.h"
#include "wire/oip_json.h"

struct visit;
struct talk;

/* A REST request's pattern and what answers it. `handle` ends the visit, inside or later. */
struct serve_route {
    const char *method;
    const char *pattern;
    void (*handle)(struct weft_serve *serve, struct visit *visit);
    size_t body_max_bytes; /* 0 = the router's */
};

/* A gRPC method: exactly one of the two, which ends the talk, inside or later. */
struct serve_method {
    const char *path;
    void (*unary)(struct weft_serve *serve, struct talk *talk, const struct weft_slice *message);
    void (*start)(struct weft_serve *serve, struct talk *talk);
    const uint32_t *aligned; /* as in weft_grpc_options; with it, the method is an inference, which
                              * may be large */
};

/* A door that is open: what its requests are counted on. The most frequent series are kept. */
struct serve_entry {
    struct weft_serve *serve;
    const struct serve_route *route; /* the one or the other */
    const struct serve_method *method;
    struct weft_metric *well;
    struct weft_metric *seconds;
};

/* A REST request between arrival and answer; copied by who answers later. */
struct visit {
    struct serve_entry *entry;
    struct weft_exchange *exchange;
    struct weft_trace trace; /* our span */
};

/* A gRPC call between arrival and end; copied likewise. */
struct talk {
    struct serve_entry *entry;
    struct weft_server_call *call;
    struct weft_trace trace;
    uint64_t started_ns;
};

/* --- trace.c --- */

/* Our span: of the trace that the request's `traceparent` names, or of a new one. */
void serve_trace_begin(struct weft_serve *serve, const struct weft_http_head *head,
                       struct weft_trace *ret_trace);
/* The request's `tracestate`, its fields put together, which goes with the `traceparent` of the
 * answer as it came. Its length; 0 = there is none to pass on: it is too long or malformed, or
 * belongs to no trace of the request's. head NULL is fine. */
size_t serve_tracestate(const struct weft_http_head *head,
                        char text[WEFT_TRACESTATE_MAX_LENGTH + 1]);

/* What one request may make the loop's thread parse, write as text or compress: some milliseconds,
 * which everybody else waits. More is the executor's; where a route has no use for more, it is
 * refused. */
enum {
    SERVE_INLINE_BYTES = 256 * 1024,
    /* deflate makes at most that much of a byte (zlib's own figure). */
    SERVE_DEFLATE_RATIO_MAX = 1032,
};

enum { SERVE_ROUTES_MAX = 48, SERVE_METHODS_MAX = 24, SERVE_KEPT_MAX = 32 };

struct serve_metrics {
    struct weft_metric_family *http_requests, *http_seconds, *grpc_calls, *grpc_seconds;
    struct weft_metric *gauges[SERVE_KEPT_MAX]; /* in the order of serve_metrics.c's table */
};

struct weft_serve {
    struct weft_serve_options options;
    struct weft_router *router;
    struct weft_grpc_server *grpc;
    struct serve_entry routes[SERVE_ROUTES_MAX];
    size_t routes_count;
    struct serve_entry methods[SERVE_METHODS_MAX];
    size_t methods_count;
    struct serve_metrics metrics;
    struct weft_list watches; /* of health.c */
    size_t open;              /* answers that are under way, which need the doors' memory */
    size_t held_bytes;        /* of inputs, by open requests; of answers, until they are read */
    size_t away;              /* requests that are with the executor */
    bool ready;
    bool freed;
};

/* --- serve.c --- */

/* What is under way outlives weft_serve_free by these. */
void serve_hold(struct weft_serve *serve);
void serve_release(struct weft_serve *serve);
/* The extensions that the server metadata names. */
extern const struct weft_oip_server serve_metadata;

/* --- visit.c --- */

void serve_visit_take(void *context, struct weft_exchange *exchange);
/* Each ends the visit. Slices and texts are taken. */
void serve_respond(struct visit *visit, int status, const char *content_type,
                   const struct weft_http_field *fields, size_t fields_count,
                   struct weft_slice *take_body, size_t body_count);
/* 503 where the text has failed. */
void serve_respond_text(struct visit *visit, int status, const char *content_type,
                        struct weft_text *take_text);
void serve_respond_json(struct visit *visit, int status, struct weft_text *take_text);
/* http_status 0 = what fits the error's status. */
void serve_respond_error(struct visit *visit, int http_status, const struct weft_error *error);
void serve_respond_empty(struct visit *visit, int status);
/* The request's Content-Encoding. On failure *ret_http_status is what to answer. */
enum weft_status serve_visit_coding(const struct visit *visit, enum weft_coding *ret_coding,
                                    int *ret_http_status,
                                    struct weft_error **error) WEFT_MUST_CHECK;
/* The body without its coding, as a slice of its own; any thread. RESOURCE_EXHAUSTED and 413 where
 * it would be larger than the limit. */
enum weft_status serve_inflate(const struct weft_slice *body, enum weft_coding coding,
                               size_t limit_bytes, struct weft_slice *ret_body,
                               int *ret_http_status, struct weft_error **error) WEFT_MUST_CHECK;
/* Both, for a body that is small: at most SERVE_INLINE_BYTES. */
enum weft_status serve_visit_body(struct visit *visit, struct weft_slice *ret_body,
                                  int *ret_http_status, struct weft_error **error) WEFT_MUST_CHECK;

/* --- call.c --- */

void serve_talk_unary(void *context, struct weft_server_call *call,
                      const struct weft_slice *message);
void serve_talk_start(void *context, struct weft_server_call *call);
/* Ends it with one message. */
void serve_reply(struct talk *talk, struct weft_slices *slices);
/* Ends it; error NULL = OK. */
void serve_finish(struct talk *talk, const struct weft_error *error);
/* The status decides: the message, or the error. */
void serve_conclude(struct talk *talk, enum weft_status status, struct weft_slices *slices,
                    const struct weft_error *error);

/* --- infer.c --- */

/* One inference, whichever door it came through. */
struct serve_infer {
    struct weft_oip_request request; /* its inputs are given up when it has started */
    struct weft_run_call *call;      /* while it runs */
    size_t held_bytes;               /* of its inputs, then of its answer, as counted */
    bool admitted;                   /* it came while the node took requests */
    const char *version;             /* that answers; valid until `done` has returned */
};

/* request.model names what is called; version NULL = the newest. */
enum weft_status serve_infer_start(struct weft_serve *serve, struct serve_infer *infer,
                                   const char *version, const struct weft_trace *trace,
                                   uint64_t started_ns, uint64_t deadline_ns,
                                   const struct weft_run_events *events, void *context,
                                   struct weft_error **error) WEFT_MUST_CHECK;
void serve_infer_fini(struct weft_serve *serve, struct serve_infer *infer);
/* A response that borrows everything: items has room for WEFT_VALUES_MAX. */
void serve_infer_response(const struct serve_infer *infer, const struct weft_values *outputs,
                          struct weft_named_value *items, struct weft_oip_response *ret_response);
/* Takes a parameter out of a request's. False where there is none. */
bool serve_take_parameter(struct weft_parameters *parameters, const char *name,
                          struct weft_parameter *ret_parameter);

/* In call.c: sends an answer, as `packed` where weft_grpc_deflate has made it smaller (NULL = here
 * and now, where it is small), and counts it as held. On failure nothing is sent. */
enum weft_status serve_send(struct talk *talk, struct serve_infer *infer, bool last,
                            struct weft_slices *slices, struct weft_slice *packed,
                            struct weft_error **error) WEFT_MUST_CHECK;

/* --- rest_infer.c and rest_answer.c --- */

/* An inference over REST. While `job` is under way, it is the executor's thread that reads and
 * writes everything below it, and the request in `infer`. */
struct rest_infer {
    struct visit visit;
    struct serve_infer infer;
    struct weft_job job;
    struct weft_error *error;
    int http_status; /* 0 = what fits the error */
    char *model;     /* until it is the request's */
    char *version;   /* that is asked for, NULL = the newest; in the end, the one that answers */
    struct weft_slice body;
    enum weft_coding coding;    /* of the body; in the end, of the answer */
    size_t limit_bytes;         /* of the body without its coding */
    size_t json_bytes;          /* the same: Inference-Header-Content-Length */
    struct weft_values outputs; /* of a large answer */
    struct weft_slices answer;
};

void serve_rest_free(struct rest_infer *rest);
/* Answers its error, and frees it. */
void serve_rest_refuse(struct rest_infer *rest);
/* Ends it: sends the answer, or the error why there is none. */
void serve_rest_answer(struct rest_infer *rest, const struct weft_values *outputs);
enum weft_status serve_rest_send_away(struct rest_infer *rest, void (*run)(struct weft_job *job),
                                      void (*done)(struct weft_job *job, bool cancelled),
                                      struct weft_error **error) WEFT_MUST_CHECK;
/* Begins each `done`; rest->error says afterwards whether it goes on. */
void serve_rest_returned(struct rest_infer *rest, bool cancelled);

/* --- grpc_message.c --- */

/* A job of the executor's, counted in serve->away until its `done`, which counts it down. */
enum weft_status serve_send_away(struct weft_serve *serve, struct weft_job *job,
                                 void (*run_job)(struct weft_job *job),
                                 void (*done)(struct weft_job *job, bool cancelled),
                                 struct weft_error **error) WEFT_MUST_CHECK;

/* A ModelInferRequest between the wire and the engine; begins zeroed but for `infer`. While `job`
 * is under way, it is the executor's thread that reads and writes the rest, and infer->request. */
struct serve_message {
    struct weft_job job;
    struct serve_infer *infer; /* gets the request, and holds its bytes */
    struct weft_slice slice;
    bool packed;        /* the slice is */
    size_t limit_bytes; /* of what it is unpacked: what it tells, and no more than may be */
    struct weft_error *error;
};

/* Inside the method. True: it is with the executor, and `done` follows, which begins with
 * serve_message_returned. False, and then: it is decoded, or message->error says why not. */
bool serve_message_begin(struct weft_serve *serve, struct serve_message *message,
                         struct weft_server_call *call, const struct weft_slice *slice,
                         void (*done)(struct weft_job *job, bool cancelled));
void serve_message_returned(struct weft_serve *serve, struct serve_message *message,
                            const struct weft_server_call *call, bool cancelled);
void serve_message_fini(struct serve_message *message);

/* --- held.c --- */

/* Counts bytes as held by the request until serve_infer_fini. RESOURCE_EXHAUSTED where open
 * requests would hold more than held_max_bytes; a request that is alone may. */
enum weft_status serve_hold_bytes(struct weft_serve *serve, struct serve_infer *infer, size_t bytes,
                                  struct weft_error **error) WEFT_MUST_CHECK;
/* The same for its answer, instead of the inputs, which are let go. */
enum weft_status serve_hold_answer(struct weft_serve *serve, struct serve_infer *infer,
                                   size_t bytes, struct weft_error **error) WEFT_MUST_CHECK;
/* The same for an answer that is about to be sent: its bytes are held until the last slice has been
 * let go, whatever becomes of the request. After the last answer the inputs are held no more. */
enum weft_status serve_hold_slices(struct weft_serve *serve, struct serve_infer *infer, bool last,
                                   struct weft_slice *slices, size_t count,
                                   struct weft_error **error) WEFT_MUST_CHECK;
/* Bytes of inputs that are no parts of the message they came in. */
size_t serve_own_bytes(const struct weft_values *inputs, const struct weft_slice *message);
/* Both for a message of gRPC, decoded, of which some may be held already. */
enum weft_status serve_hold_message(struct weft_serve *serve, struct serve_infer *infer,
                                    const struct weft_slice *message,
                                    struct weft_error **error) WEFT_MUST_CHECK;
void serve_let_go(struct weft_serve *serve, struct serve_infer *infer);

/* --- what the routes and methods are --- */

void serve_rest_infer(struct weft_serve *serve, struct visit *visit);
void serve_grpc_infer(struct weft_serve *serve, struct talk *talk,
                      const struct weft_slice *message);
void serve_grpc_stream(struct weft_serve *serve, struct talk *talk);

void serve_rest_live(struct weft_serve *serve, struct visit *visit);
void serve_rest_ready(struct weft_serve *serve, struct visit *visit);
void serve_rest_server(struct weft_serve *serve, struct visit *visit);
void serve_rest_model(struct weft_serve *serve, struct visit *visit);
void serve_rest_model_ready(struct weft_serve *serve, struct visit *visit);
void serve_grpc_live(struct weft_serve *serve, struct talk *talk, const struct weft_slice *message);
void serve_grpc_ready(struct weft_serve *serve, struct talk *talk,
                      const struct weft_slice *message);
void serve_grpc_server(struct weft_serve *serve, struct talk *talk,
                       const struct weft_slice *message);
void serve_grpc_model(struct weft_serve *serve, struct talk *talk,
                      const struct weft_slice *message);
void serve_grpc_model_ready(struct weft_serve *serve, struct talk *talk,
                            const struct weft_slice *message);

void serve_rest_index(struct weft_serve *serve, struct visit *visit);
void serve_rest_load(struct weft_serve *serve, struct visit *visit);
void serve_rest_unload(struct weft_serve *serve, struct visit *visit);
void serve_grpc_index(struct weft_serve *serve, struct talk *talk,
                      const struct weft_slice *message);
void serve_grpc_load(struct weft_serve *serve, struct talk *talk, const struct weft_slice *message);
void serve_grpc_unload(struct weft_serve *serve, struct talk *talk,
                       const struct weft_slice *message);

void serve_health_check(struct weft_serve *serve, struct talk *talk,
                        const struct weft_slice *message);
void serve_health_watch(struct weft_serve *serve, struct talk *talk);
/* Tells those who watch. */
void serve_health_changed(struct weft_serve *serve);
void serve_reflection(struct weft_serve *serve, struct talk *talk);

void serve_rest_nodes(struct weft_serve *serve, struct visit *visit);
void serve_rest_models(struct weft_serve *serve, struct visit *visit);
void serve_rest_pipelines(struct weft_serve *serve, struct visit *visit);
void serve_rest_request(struct weft_serve *serve, struct visit *visit);
void serve_rest_metrics(struct weft_serve *serve, struct visit *visit);

/* --- serve_metrics.c --- */

enum weft_status serve_metrics_start(struct weft_serve *serve,
                                     struct weft_error **error) WEFT_MUST_CHECK;
void serve_count_http(struct serve_entry *entry, int status, uint64_t duration_ns);
void serve_count_grpc(struct serve_entry *entry, enum weft_status status, uint64_t duration_ns);

#endif
