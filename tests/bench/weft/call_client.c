/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weft's client in every case: one unary call after another over one channel, each timed from the
 * call to its answer. The message is an EchoMessage, or with --oip MODEL,INPUT,DATATYPE a
 * ModelInferRequest whose raw tensor is sent from where it lies. The first answer is checked to
 * carry the payload, unless --small-answer says that it does not. --same-host takes the short way
 * to a node of this host where there is one, as `weft run` does; else the call goes over TCP.
 */
#include "link/grpc_client.h"
#include "oip_message.h"
#include "samples.h"

#include <weft/datatype.h>

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct caller {
    struct weft_loop *loop;
    struct weft_channel *channel;
    struct weft_client_call_options call;
    struct weft_slice message[2]; /* what stands before the payload, and the payload */
    uint8_t head[OIP_REQUEST_HEAD_MAX];
    bool small_answer;
    struct weft_link_options link;
    size_t warmup, total, done;
    uint64_t started_ns;
    struct samples samples;
};

static void fail(const char *what, const struct weft_error *error)
{
    char text[512];
    weft_error_format(error, text, sizeof(text));
    fprintf(stderr, "%s: %s\n", what, text);
    exit(1);
}

static void check_first_answer(const struct caller *caller, const struct weft_slice *reply)
{
    const struct weft_slice *payload = &caller->message[1];
    if (caller->small_answer ||
        memmem(reply->data, reply->size_bytes, payload->data, payload->size_bytes) != NULL)
        return;
    fprintf(stderr, "the answer (%zu bytes) does not carry the payload\n", reply->size_bytes);
    exit(1);
}

static void start(struct caller *caller);

static void answered(void *context, const struct weft_slice *reply, const struct weft_error *error)
{
    struct caller *caller = context;
    uint64_t ended_ns = samples_now_ns();
    if (error != NULL)
        fail("call", error);
    if (caller->done == 0)
        check_first_answer(caller, reply);
    if (caller->done >= caller->warmup)
        samples_add(&caller->samples, caller->started_ns, ended_ns);
    if (++caller->done < caller->total)
        start(caller);
    else
        weft_loop_stop(caller->loop);
}

static void start(struct caller *caller)
{
    struct weft_error *error = NULL;
    /* Constant memory: the references are empty and may be given any number of times. */
    struct weft_slice message[2] = {caller->message[0], caller->message[1]};
    caller->started_ns = samples_now_ns();
    if (weft_channel_unary(caller->channel, &caller->call, message, 2, answered, caller, NULL,
                           &error) != WEFT_OK)
        fail("call", error);
}

/* An EchoMessage's head: field 1, length-delimited. */
static size_t write_echo_head(uint8_t *head, size_t payload_bytes)
{
    size_t size = 0;
    head[size++] = 0x0a;
    for (; payload_bytes > 127; payload_bytes >>= 7)
        head[size++] = (uint8_t)(payload_bytes | 128);
    head[size++] = (uint8_t)payload_bytes;
    return size;
}

static size_t write_oip_head(uint8_t *head, char *names, size_t payload_bytes)
{
    char *rest = NULL;
    const char *model = strtok_r(names, ",", &rest), *input = strtok_r(NULL, ",", &rest);
    const char *datatype = strtok_r(NULL, ",", &rest);
    if (datatype == NULL) {
        fprintf(stderr, "--oip wants MODEL,INPUT,DATATYPE\n");
        exit(2);
    }
    size_t element_bytes = strcmp(datatype, "FP32") == 0 ? sizeof(float) : 1;
    const int64_t shape[] = {(int64_t)(payload_bytes / element_bytes)};
    const struct oip_request request = {model, input, datatype, shape, 1, payload_bytes};
    return oip_request_write_head(&request, head);
}

static void make_message(struct caller *caller, char *oip_names, size_t payload_bytes)
{
    uint8_t *payload = malloc(payload_bytes);
    if (payload == NULL)
        fail("payload", NULL);
    for (size_t i = 0; i < payload_bytes; i++)
        payload[i] = (uint8_t)(i * 7 + 1);
    size_t head_bytes = oip_names == NULL ? write_echo_head(caller->head, payload_bytes)
                                          : write_oip_head(caller->head, oip_names, payload_bytes);
    caller->message[0] = weft_slice_static(caller->head, head_bytes);
    caller->message[1] = weft_slice_static(payload, payload_bytes);
}

static const char *read_options(struct caller *caller, int count, char **arguments)
{
    static const struct option table[] = {
        {"address", required_argument, NULL, 'a'}, {"size", required_argument, NULL, 's'},
        {"calls", required_argument, NULL, 'c'},   {"warmup", required_argument, NULL, 'w'},
        {"oip", required_argument, NULL, 'o'},     {"small-answer", no_argument, NULL, 'm'},
        {"same-host", no_argument, NULL, 'h'},     {NULL, 0, NULL, 0},
    };
    const char *address = NULL;
    char *oip_names = NULL;
    size_t payload_bytes = 64, calls = 10000;
    bool wrong = false;
    caller->warmup = 1000;
    for (int letter; (letter = getopt_long(count, arguments, "", table, NULL)) != -1;) {
        switch (letter) {
        case 'a':
            address = optarg;
            break;
        case 's':
            payload_bytes = strtoull(optarg, NULL, 10);
            break;
        case 'c':
            calls = strtoull(optarg, NULL, 10);
            break;
        case 'w':
            caller->warmup = strtoull(optarg, NULL, 10);
            break;
        case 'o':
            oip_names = optarg;
            break;
        case 'm':
            caller->small_answer = true;
            break;
        case 'h':
            caller->link.tcp.same_host_sockets = true;
            break;
        default:
            wrong = true;
        }
    }
    if (wrong || address == NULL) {
        fprintf(stderr,
                "usage: %s --address HOST:PORT [--oip MODEL,INPUT,DATATYPE] [--small-answer] "
                "[--same-host] [--size BYTES] [--calls N] [--warmup N]\n",
                arguments[0]);
        exit(2);
    }
    caller->call.path = oip_names == NULL ? "/weft.bench.Echo/Echo" : OIP_INFER_METHOD;
    caller->call.wait_for_ready = true;
    caller->total = caller->warmup + calls;
    make_message(caller, oip_names, payload_bytes);
    samples_init(&caller->samples, calls);
    return address;
}

int main(int count, char **arguments)
{
    static struct caller caller;
    struct weft_error *error = NULL;
    struct weft_link *link = NULL;
    const char *address = read_options(&caller, count, arguments);
    if (weft_loop_new(NULL, &caller.loop, &error) != WEFT_OK ||
        weft_link_new(caller.loop, &caller.link, &link, &error) != WEFT_OK ||
        weft_channel_open(link, address, NULL, &caller.channel, &error) != WEFT_OK)
        fail(address, error);
    start(&caller);
    weft_loop_run(caller.loop);
    samples_print(&caller.samples);
    samples_fini(&caller.samples);
    return 0;
}
