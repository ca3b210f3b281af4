/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/arguments.h"
#include "cli/bench_report.h"
#include "cli/inputs.h"
#include "cli/samples.h"
#include "cli/server.h"
#include "cli/units.h"
#include "cli/verbs.h"
#include "client/client.h"

enum {
    DURATION_MS = 10 * 1000,
    WARM_UP_MS = 1000,
    TIMEOUT_MS = 10 * 1000,
    /* Places for calls that are late, where the rate is given; more is a server that has stopped.
     */
    RATE_CONCURRENCY = 256,
    LIST_MAX = WEFT_VALUES_MAX,
};

struct bench {
    const char *server;
    const char *model;
    const char *version;
    const char *inputs[LIST_MAX];
    size_t inputs_count;
    const char *shapes[LIST_MAX];
    size_t shapes_count;
    uint64_t concurrency; /* 0 = not said */
    uint64_t connections;
    uint64_t requests;    /* 0 = not said */
    uint64_t duration_ms; /* 0 = not said */
    uint64_t warm_up_ms;
    uint64_t timeout_ms;
    uint64_t seed;
    double rate;
    bool http;
    bool json;
};

/* --- the request --- */

static enum weft_status describe(const struct bench *bench, struct weft_model_info *ret_info,
                                 struct weft_error **error)
{
    cleanup_client struct weft_client *client = NULL;
    enum weft_status status = weft_client_new(bench->server, &client, error);
    if (status != WEFT_OK) {
        return status;
    }
    return bench->http
               ? weft_client_describe_http(client, bench->model, bench->version, ret_info, error)
               : weft_client_describe(client, bench->model, bench->version, 0, ret_info, error);
}

/* What was given, and something random for the rest. */
static enum weft_status fill(const struct bench *bench, struct weft_model_info *info,
                             struct weft_oip_request *request, struct weft_error **error)
{
    struct weft_random random = {.state = bench->seed};
    enum weft_status status = WEFT_OK;
    request->model = strdup(bench->model);
    request->version = bench->version != NULL ? strdup(bench->version) : NULL;
    if (request->model == NULL || (bench->version != NULL && request->version == NULL)) {
        return weft_error_set_out_of_memory(error);
    }
    for (size_t i = 0; status == WEFT_OK && i < bench->shapes_count; i++) {
        status = weft_sample_set_shape(bench->shapes[i], info, error);
    }
    for (size_t i = 0; status == WEFT_OK && i < bench->inputs_count; i++) {
        status = weft_input_add(bench->inputs[i], info, &request->inputs, error);
    }
    for (size_t i = 0; status == WEFT_OK && i < info->inputs_count; i++) {
        cleanup_value struct weft_value *value = NULL;
        if (weft_values_find(&request->inputs, info->inputs[i].name) != NULL) {
            continue;
        }
        status = weft_sample_new(&info->inputs[i], &random, &value, error);
        if (status == WEFT_OK) {
            status = weft_values_add(&request->inputs, info->inputs[i].name, value, error);
        }
    }
    return status;
}

/* --- the load --- */

/* The first calls pay for connections and cold caches: they are made, and forgotten. */
static enum weft_status warm_up(const struct bench *bench, const struct weft_load_options *options,
                                struct weft_load_result *result, struct weft_error **error)
{
    struct weft_load_options short_one = *options;
    short_one.duration_ns = bench->warm_up_ms * WEFT_NS_PER_MS;
    short_one.requests = 0;
    enum weft_status status = weft_load_run(&short_one, result, error);
    weft_load_result_fini(result);
    return status;
}

static enum weft_status load(const struct bench *bench, const struct weft_oip_request *request,
                             struct weft_load_options *ret_options, struct weft_load_result *result,
                             struct weft_error **error)
{
    *ret_options = (struct weft_load_options){
        .address = bench->server,
        .request = request,
        .http = bench->http,
        .concurrency = bench->concurrency != 0 ? (uint32_t)bench->concurrency
                       : bench->rate > 0       ? RATE_CONCURRENCY
                                               : 1,
        .connections = (uint32_t)bench->connections,
        .rate = bench->rate,
        .duration_ns = bench->duration_ms * WEFT_NS_PER_MS,
        .requests = bench->requests,
        .timeout_ms = bench->timeout_ms,
    };
    if (bench->requests == 0 && bench->duration_ms == 0) {
        ret_options->duration_ns = DURATION_MS * WEFT_NS_PER_MS;
    }
    enum weft_status status = WEFT_OK;
    if (bench->warm_up_ms > 0) {
        status = warm_up(bench, ret_options, result, error);
    }
    return status == WEFT_OK ? weft_load_run(ret_options, result, error) : status;
}

/* Nothing but failures is an error of its kind; some are a bench that failed. */
static int exit_code(const struct weft_load_result *result)
{
    if (result->statuses[WEFT_OK] == 0 && result->first_failure != NULL) {
        return weft_exit_code(result->first_failure);
    }
    return weft_bench_failures(result) == 0 ? WEFT_EXIT_OK : WEFT_EXIT_FAILED;
}

static int perform(const struct bench *bench)
{
    cleanup_error struct weft_error *error = NULL;
    cleanup_oip_request struct weft_oip_request request = {0};
    cleanup_text struct weft_text text = {0};
    struct weft_model_info info = {0};
    struct weft_load_options options;
    struct weft_load_result *result = calloc(1, sizeof(*result));
    enum weft_status status = result != NULL ? WEFT_OK : weft_error_set_out_of_memory(&error);
    if (status == WEFT_OK) {
        status = describe(bench, &info, &error);
    }
    if (status == WEFT_OK) {
        status = fill(bench, &info, &request, &error);
    }
    if (status == WEFT_OK) {
        status = load(bench, &request, &options, result, &error);
    }
    int code = WEFT_EXIT_OK;
    if (status == WEFT_OK) {
        if (bench->json) {
            weft_bench_json(&options, result, &text);
            weft_text_append_string(&text, "\n");
        } else {
            weft_bench_table(&options, result, &text);
        }
        fputs(weft_text_string(&text), stdout);
        code = exit_code(result);
        weft_load_result_fini(result);
    } else {
        code = weft_cli_fail(&weft_verb_bench, error);
    }
    weft_model_info_fini(&info);
    free(result);
    return code;
}

/* --- the command line --- */

enum {
    SERVER,
    MODEL,
    VERSION,
    INPUT,
    SHAPE,
    CONCURRENCY,
    CONNECTIONS,
    RATE,
    DURATION,
    REQUESTS,
    WARM_UP,
    TIMEOUT,
    SEED,
    PROTOCOL,
    FORMAT
};

static const struct weft_option options_known[] = {
    [SERVER] = {"--server", false},
    [MODEL] = {"--model", false},
    [VERSION] = {"--version", false},
    [INPUT] = {"--input", false},
    [SHAPE] = {"--shape", false},
    [CONCURRENCY] = {"--concurrency", false},
    [CONNECTIONS] = {"--connections", false},
    [RATE] = {"--rate", false},
    [DURATION] = {"--duration", false},
    [REQUESTS] = {"--requests", false},
    [WARM_UP] = {"--warm-up", false},
    [TIMEOUT] = {"--timeout", false},
    [SEED] = {"--seed", false},
    [PROTOCOL] = {"--protocol", false},
    [FORMAT] = {"-o", false},
    {NULL, false},
};

static bool add(const struct weft_arguments *arguments, const char **list, size_t *count)
{
    if (*count == LIST_MAX) {
        weft_cli_usage(&weft_verb_bench, "an option is given more than %d times", LIST_MAX);
        return false;
    }
    list[(*count)++] = arguments->value;
    return true;
}

static bool take_rate(const struct weft_arguments *arguments, struct bench *bench)
{
    if (!weft_rate_parse(arguments->value, &bench->rate)) {
        weft_cli_usage(&weft_verb_bench, "--rate is calls a second, as 200 or 200/s, not \"%s\"",
                       arguments->value);
        return false;
    }
    return true;
}

/* "--warm-up 0" is none. */
static bool take_warm_up(const struct weft_arguments *arguments, struct bench *bench)
{
    bench->warm_up_ms = 0;
    return strcmp(arguments->value, "0") == 0 ||
           weft_argument_duration_ms(arguments, "--warm-up", &bench->warm_up_ms);
}

static bool take(const struct weft_arguments *arguments, int option, struct bench *bench)
{
    static const char *const formats[] = {"table", "json", NULL};
    static const char *const protocols[] = {"grpc", "http", NULL};
    size_t index = 0;
    bool well = true;
    switch (option) {
    case SERVER:
        return weft_argument_address(arguments, "--server", &bench->server);
    case MODEL:
        bench->model = arguments->value;
        return true;
    case VERSION:
        bench->version = arguments->value;
        return true;
    case INPUT:
        return add(arguments, bench->inputs, &bench->inputs_count);
    case SHAPE:
        return add(arguments, bench->shapes, &bench->shapes_count);
    case CONCURRENCY:
        return weft_argument_number(arguments, "--concurrency", 1, WEFT_LOAD_CONCURRENCY_MAX,
                                    &bench->concurrency);
    case CONNECTIONS:
        return weft_argument_number(arguments, "--connections", 1, WEFT_LOAD_CONNECTIONS_MAX,
                                    &bench->connections);
    case RATE:
        return take_rate(arguments, bench);
    case DURATION:
        return weft_argument_duration_ms(arguments, "--duration", &bench->duration_ms);
    case REQUESTS:
        return weft_argument_number(arguments, "--requests", 1, UINT32_MAX, &bench->requests);
    case WARM_UP:
        return take_warm_up(arguments, bench);
    case TIMEOUT:
        return weft_argument_duration_ms(arguments, "--timeout", &bench->timeout_ms);
    case SEED:
        return weft_argument_number(arguments, "--seed", 0, UINT64_MAX, &bench->seed);
    case PROTOCOL:
        well = weft_argument_word(arguments, "--protocol", protocols, &index);
        bench->http = index == 1;
        return well;
    case FORMAT:
        well = weft_argument_word(arguments, "-o", formats, &index);
        bench->json = index == 1;
        return well;
    default:
        weft_cli_usage(&weft_verb_bench, "what is \"%s\"? A model is named with --model",
                       arguments->value);
        return false;
    }
}

static bool read_arguments(int count, char **items, struct bench *bench)
{
    struct weft_arguments arguments = {
        .verb = &weft_verb_bench, .options = options_known, .count = count, .items = items};
    for (int option; (option = weft_arguments_next(&arguments)) != WEFT_ARGUMENTS_END;) {
        if (option == WEFT_ARGUMENTS_WRONG || !take(&arguments, option, bench)) {
            return false;
        }
    }
    if (bench->model == NULL) {
        weft_cli_usage(&weft_verb_bench, "which model or pipeline? Name it with --model");
        return false;
    }
    bench->server = weft_server_address(bench->server);
    return true;
}

static int bench_verb(int count, char **items)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    if (bench == NULL) {
        cleanup_error struct weft_error *error = NULL;
        weft_error_set_out_of_memory(&error);
        return weft_cli_fail(&weft_verb_bench, error);
    }
    *bench = (struct bench){
        .connections = 1, .warm_up_ms = WARM_UP_MS, .timeout_ms = TIMEOUT_MS, .seed = 1};
    int code = read_arguments(count, items, bench) ? perform(bench) : WEFT_EXIT_USAGE;
    free(bench);
    return code;
}

const struct weft_verb weft_verb_bench = {
    .name = "bench",
    .summary = "puts load on any Open Inference Protocol endpoint",
    .help =
        "usage: weft bench --model NAME [OPTIONS]\n"
        "\n"
        "Calls a model or pipeline again and again, and says how long it took. Works with every\n"
        "server of the Open Inference Protocol v2. Inputs that are not given are random.\n"
        "\n"
        "  --server HOST:PORT     the server [$WEFT_SERVER, else 127.0.0.1:8000]\n"
        "  --version VERSION      of the model [the server's choice]\n"
        "  --protocol grpc|http   [grpc]\n"
        "  --input NAME=VALUE     an input, as in `weft help run`\n"
        "  --shape NAME=1x3x224   the shape of a random input; an open dimension is 1 otherwise\n"
        "  --seed N               of the random inputs [1]\n"
        "  --concurrency N        calls in flight [1; with --rate at most 256]\n"
        "  --connections N        gRPC connections that share them [1]\n"
        "  --rate R/s             starts calls at a fixed rate, and counts each one's time from\n"
        "                         when it was meant to start\n"
        "  --duration DURATION    how long [10s]\n"
        "  --requests N           how many calls\n"
        "  --warm-up DURATION     calls before that, not counted; 0 = none [1s]\n"
        "  --timeout DURATION     of each call [10s]\n"
        "  -o json|table          as JSON, for programs [table]\n"
        "\n"
        "Ends with 1 if calls failed.\n"
        "\n"
        "example:\n"
        "  weft bench --server 127.0.0.13:8000 --model enhance --concurrency 4 --duration 5s\n",
    .run = bench_verb,
};
