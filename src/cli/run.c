/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/run.h"

#include <stdlib.h>
#include <string.h>

#include "base/trace.h"
#include "cli/arguments.h"
#include "cli/progress.h"
#include "cli/server.h"
#include "cli/verbs.h"

static void run_fini(struct run *run)
{
    for (size_t i = 0; i < run->files_count; i++) {
        free(run->files[i].name);
    }
    weft_record_fini(&run->record);
    weft_between_free(run->between);
    weft_oip_request_fini(&run->request);
    weft_oip_response_fini(&run->response);
    weft_model_info_fini(&run->info);
    weft_client_free(run->client);
}

/* --- the call --- */

static enum weft_status call(struct run *run, struct weft_error **error)
{
    struct weft_progress progress;
    struct weft_trace trace = {0};
    weft_trace_start(&trace, weft_client_random(run->client));
    weft_progress_init(&progress, run->client, run->id);
    weft_client_on_wait(run->client, weft_progress_wait, &progress);
    enum weft_status status = weft_client_infer(run->client, &run->request, run->timeout_ms, &trace,
                                                &run->response, error);
    run->duration_ns = weft_client_last_duration_ns(run->client);
    weft_client_on_wait(run->client, NULL, NULL);
    weft_progress_fini(&progress);
    return status;
}

static enum weft_status perform(struct run *run, struct weft_error **error)
{
    enum weft_status status = run_prepare(run, error);
    if (status != WEFT_OK) {
        return status;
    }
    run_measure(run);
    status = call(run, error);
    if (status == WEFT_OK) {
        status = run_write_outputs(run, error);
    }
    /* A record of what failed is worth as much; nobody keeps one where nobody is any more. */
    if (status != WEFT_UNAVAILABLE) {
        run_fetch_record(run);
        enum weft_status recorded = run_write_record(run, status == WEFT_OK ? error : NULL);
        status = status == WEFT_OK ? recorded : status;
    }
    return status == WEFT_OK ? run_print(run, error) : status;
}

/* --- the command line --- */

enum { INPUT, OUTPUT, PARAMETER, SERVER, TIMEOUT, ID, RECORD, TABLE, FORMAT };

static const struct weft_option options[] = {
    [INPUT] = {"--input", false},
    [OUTPUT] = {"--output", false},
    [PARAMETER] = {"--parameter", false},
    [SERVER] = {"--server", false},
    [TIMEOUT] = {"--timeout", false},
    [ID] = {"--id", false},
    [RECORD] = {"--record", false},
    [TABLE] = {"--table", true},
    [FORMAT] = {"-o", false},
    {NULL, false},
};

static bool add(const struct weft_arguments *arguments, const char *option, const char *form,
                struct run_list *list)
{
    const char *equals = strchr(arguments->value, '=');
    if (equals == NULL || equals == arguments->value) {
        weft_cli_usage(arguments->verb, "%s is written %s, not \"%s\"", option, form,
                       arguments->value);
        return false;
    }
    if (list->count == WEFT_VALUES_MAX) {
        weft_cli_usage(arguments->verb, "%s is given more than %d times", option, WEFT_VALUES_MAX);
        return false;
    }
    list->items[list->count++] = arguments->value;
    return true;
}

static bool take(const struct weft_arguments *arguments, int option, struct run *run)
{
    static const char *const formats[] = {"table", "json", NULL};
    size_t format = 0;
    switch (option) {
    case INPUT:
        return add(arguments, "--input", "NAME=VALUE or NAME=@FILE", &run->inputs);
    case OUTPUT:
        return add(arguments, "--output", "NAME=FILE", &run->outputs);
    case PARAMETER:
        return add(arguments, "--parameter", "NAME=VALUE", &run->parameters);
    case SERVER:
        return weft_argument_address(arguments, "--server", &run->server);
    case TIMEOUT:
        return weft_argument_duration_ms(arguments, "--timeout", &run->timeout_ms);
    case ID:
        if (arguments->value[0] == '\0' || strlen(arguments->value) >= RUN_ID_MAX) {
            weft_cli_usage(arguments->verb, "--id has from 1 to %d bytes", RUN_ID_MAX - 1);
            return false;
        }
        run->said_id = arguments->value;
        return true;
    case RECORD:
        run->record_path = arguments->value;
        return true;
    case TABLE:
        return run->table = true;
    case FORMAT:
        if (!weft_argument_word(arguments, "-o", formats, &format)) {
            return false;
        }
        run->json = format == 1;
        return true;
    default:
        if (run->pipeline != NULL) {
            weft_cli_usage(arguments->verb, "one pipeline is run at a time, not \"%s\" and \"%s\"",
                           run->pipeline, arguments->value);
            return false;
        }
        run->pipeline = arguments->value;
        return true;
    }
}

static bool read_arguments(int count, char **items, struct run *run)
{
    struct weft_arguments arguments = {
        .verb = &weft_verb_run, .options = options, .count = count, .items = items};
    for (int option; (option = weft_arguments_next(&arguments)) != WEFT_ARGUMENTS_END;) {
        if (option == WEFT_ARGUMENTS_WRONG || !take(&arguments, option, run)) {
            return false;
        }
    }
    if (run->pipeline == NULL) {
        weft_cli_usage(&weft_verb_run, "which pipeline? `weft get pipelines` lists them");
        return false;
    }
    if (run->table && run->json) {
        weft_cli_usage(&weft_verb_run, "--table is for people and -o json for programs: one only");
        return false;
    }
    run->server = weft_server_address(run->server);
    return true;
}

static int run_verb(int count, char **items)
{
    /* Too large for a stack that some system may have made small. */
    struct run *run = calloc(1, sizeof(*run));
    cleanup_error struct weft_error *error = NULL;
    int code = WEFT_EXIT_USAGE;
    if (run == NULL) {
        weft_error_set_out_of_memory(&error);
        return weft_cli_fail(&weft_verb_run, error);
    }
    run->timeout_ms = WEFT_CLIENT_TIMEOUT_MS;
    if (read_arguments(count, items, run)) {
        code =
            perform(run, &error) == WEFT_OK ? WEFT_EXIT_OK : weft_cli_fail(&weft_verb_run, error);
    }
    run_fini(run);
    free(run);
    return code;
}

const struct weft_verb weft_verb_run = {
    .name = "run",
    .summary = "calls a pipeline and shows what comes out",
    .help =
        "usage: weft run PIPELINE [OPTIONS]\n"
        "\n"
        "Calls a pipeline (or a model) of a node, shows progress, prints small outputs and writes\n"
        "others to files.\n"
        "\n"
        "  --input NAME=VALUE     an input: numbers (0.42,0.47) or text\n"
        "  --input NAME=@FILE     an input from a file: as it is for BYTES, else raw elements\n"
        "  --input NAME[2,3]=...  the same with its shape, where the data can't tell it\n"
        "  --output NAME=FILE     writes an output: .png and .jpg get a picture, others raw data\n"
        "  --parameter NAME=VALUE a parameter of the request\n"
        "  --server HOST:PORT     the node to call [$WEFT_SERVER, else 127.0.0.1:8000]\n"
        "  --timeout DURATION     how long it may take [60s]\n"
        "  --id ID                the request's id [random]\n"
        "  --record FILE          writes what ran where and what was sent (docs/run.schema.json)\n"
        "  --table                prints the same as a table with a timeline\n"
        "  -o json|table          prints outputs and record as JSON\n"
        "\n"
        "A text that begins with @ is written @@.\n"
        "\n"
        "example:\n"
        "  weft run portrait --server 127.0.0.15:8000 \\\n"
        "    --input photo=@examples/portrait/drawn.png --input seed=7 --output image=portrait.png "
        "\\\n"
        "    --record run.json --table\n",
    .run = run_verb,
};
