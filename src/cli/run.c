/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "cli/arguments.h"
#include "cli/inputs.h"
#include "cli/outputs.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/screen.h"
#include "cli/server.h"
#include "cli/verbs.h"
#include "client/files.h"
#include "client/record.h"

enum { ID_MAX = 40 };

/* Arguments of one kind, borrowed. */
struct list {
    const char *items[WEFT_VALUES_MAX];
    size_t count;
};

struct run {
    const char *pipeline;
    const char *server;
    const char *record_path;
    uint64_t timeout_ms;
    bool table;
    bool json;
    struct list inputs;
    struct list outputs;
    struct list parameters;
    char id[ID_MAX];
    const char *said_id;
    struct weft_client *client;
    struct weft_model_info info;
    struct weft_oip_request request;
    struct weft_oip_response response;
    struct weft_output_file files[WEFT_VALUES_MAX];
    size_t files_count;
    uint64_t duration_ns;
    struct weft_between *between;
    struct weft_record record;
    bool has_record;
};

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

/* --- before the call --- */

/* The names of all pipelines that the server has; NULL where it does not say. */
static const struct weft_item *pipelines(struct run *run, struct weft_document **ret_document)
{
    if (weft_client_get(run->client, "/v1/pipelines", run->timeout_ms, ret_document, NULL) !=
        WEFT_OK) {
        return NULL;
    }
    const struct weft_item *list = weft_item_member(weft_document_root(*ret_document), "pipelines");
    return list != NULL ? list->first : NULL;
}

static void suggest_pipeline(struct run *run, struct weft_error **error)
{
    cleanup_document struct weft_document *document = NULL;
    const char *names[WEFT_VALUES_MAX];
    size_t count = 0;
    const struct weft_item *item = pipelines(run, &document);
    for (; item != NULL && count < WEFT_VALUES_MAX; item = item->next) {
        names[count++] = weft_item_text(item, "name");
    }
    const char *near = weft_suggest(run->pipeline, names, count);
    if (near != NULL) {
        weft_error_set_hint(error, "did you mean \"%s\"?", near);
    } else {
        weft_error_set_hint(error, "`weft get pipelines --server %s` lists what there is",
                            run->server);
    }
}

/* Whether the pipeline can do without an input: only the server's list says so, as the protocol's
 * metadata does not. What is not known is left to the server to refuse. */
static bool may_be_missing(struct run *run, const char *input)
{
    cleanup_document struct weft_document *document = NULL;
    const struct weft_item *item = pipelines(run, &document);
    while (item != NULL && strcmp(weft_item_text(item, "name"), run->info.name) != 0) {
        item = item->next;
    }
    const struct weft_item *inputs = weft_item_member(item, "inputs");
    for (const struct weft_item *at = inputs != NULL ? inputs->first : NULL; at != NULL;
         at = at->next) {
        if (strcmp(weft_item_text(at, "name"), input) == 0) {
            return weft_item_is_true(at, "optional");
        }
    }
    return true;
}

static enum weft_status add_inputs(struct run *run, struct weft_error **error)
{
    enum weft_status status = WEFT_OK;
    for (size_t i = 0; status == WEFT_OK && i < run->inputs.count; i++) {
        status = weft_input_add(run->inputs.items[i], &run->info, &run->request.inputs, error);
    }
    for (size_t i = 0; status == WEFT_OK && i < run->info.inputs_count; i++) {
        const struct weft_model_tensor *tensor = &run->info.inputs[i];
        if (weft_values_find(&run->request.inputs, tensor->name) == NULL &&
            !may_be_missing(run, tensor->name)) {
            char shape[128];
            weft_shape_format(&tensor->shape, shape, sizeof(shape));
            status = weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                    "\"%s\" needs the input \"%s\" (%s %s)", run->pipeline,
                                    tensor->name, weft_datatype_name(tensor->datatype), shape);
            weft_error_set_hint(error, "give it with --input %s=VALUE or --input %s=@FILE",
                                tensor->name, tensor->name);
        }
    }
    return status;
}

static enum weft_status add_outputs(struct run *run, struct weft_error **error)
{
    enum weft_status status = WEFT_OK;
    for (size_t i = 0; status == WEFT_OK && i < run->outputs.count; i++) {
        status = weft_output_file_parse(run->outputs.items[i], &run->info,
                                        &run->files[run->files_count], error);
        run->files_count += status == WEFT_OK;
    }
    return status;
}

/* Before the call, which may take long: that its results can be kept, each in a file of its own. */
static enum weft_status check_files(const struct run *run, struct weft_error **error)
{
    enum weft_status status = WEFT_OK;
    for (size_t i = 0; status == WEFT_OK && i <= run->files_count; i++) {
        bool is_record = i == run->files_count;
        const char *path = is_record ? run->record_path : run->files[i].path;
        bool twice = false;
        for (size_t k = 0; path != NULL && k < i; k++) {
            twice = twice || strcmp(run->files[k].path, path) == 0;
        }
        if (twice && strncmp(path, "/dev/", 5) != 0) {
            return weft_error_set(error, WEFT_INVALID_ARGUMENT, "%s is to be written twice", path);
        }
        status = path != NULL ? weft_output_path_check(path, error) : WEFT_OK;
        if (status != WEFT_OK) {
            return is_record ? weft_error_wrap(error, status, "--record")
                             : weft_error_wrap(error, status, "output \"%s\"", run->files[i].name);
        }
    }
    return status;
}

static enum weft_status fill_request(struct run *run, struct weft_error **error)
{
    if (run->said_id != NULL) {
        snprintf(run->id, sizeof(run->id), "%s", run->said_id);
    } else {
        snprintf(run->id, sizeof(run->id), "run-%016" PRIx64,
                 weft_random_next(weft_client_random(run->client)));
    }
    run->request.model = strdup(run->pipeline);
    run->request.id = strdup(run->id);
    if (run->request.model == NULL || run->request.id == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    enum weft_status status = add_inputs(run, error);
    for (size_t i = 0; status == WEFT_OK && i < run->parameters.count; i++) {
        status = weft_parameter_add(run->parameters.items[i], &run->request.parameters, error);
    }
    if (status == WEFT_OK) {
        status = add_outputs(run, error);
    }
    return status == WEFT_OK ? check_files(run, error) : status;
}

static enum weft_status prepare(struct run *run, struct weft_error **error)
{
    enum weft_status status = weft_client_new(run->server, &run->client, error);
    if (status == WEFT_OK) {
        status = weft_client_describe(run->client, run->pipeline, NULL, run->timeout_ms, &run->info,
                                      error);
        if (status == WEFT_NOT_FOUND && weft_error_hint(*error) == NULL) {
            suggest_pipeline(run, error);
        }
    }
    return status == WEFT_OK ? fill_request(run, error) : status;
}

/* --- the call, and what became of it --- */

/* What is nice to know must not keep a result from its user. */
static void warn(const struct run *run, const char *what, struct weft_error *take_error)
{
    char sentence[1024];
    weft_error_format(take_error, sentence, sizeof(sentence));
    /* JSON has null for what is not known. */
    if (run->record_path != NULL || run->table) {
        fprintf(stderr, "weft run: %s: %s\n", what, sentence);
    }
    weft_error_unref(take_error);
}

static bool wants_record(const struct run *run)
{
    return run->record_path != NULL || run->table || run->json;
}

static void measure_before(struct run *run)
{
    struct weft_error *error = NULL;
    if (wants_record(run) && weft_between_begin(run->client, &run->between, &error) != WEFT_OK) {
        warn(run, "the bytes between the nodes are not known", error);
    }
}

static void fetch_record(struct run *run)
{
    struct weft_error *error = NULL;
    if (!wants_record(run)) {
        return;
    }
    run->has_record = weft_record_wait(run->client, run->id, &run->record, &error) == WEFT_OK;
    if (!run->has_record) {
        warn(run, "the record is not known", error);
        return;
    }
    if (run->between != NULL && weft_between_end(run->between, &error) != WEFT_OK) {
        warn(run, "the bytes between the nodes are not known", error);
        weft_between_free(run->between);
        run->between = NULL;
    }
}

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

static enum weft_status write_record(struct run *run, struct weft_error **error)
{
    cleanup_text struct weft_text json = {0};
    cleanup_text struct weft_text text = {0};
    if (run->record_path == NULL || !run->has_record) {
        return WEFT_OK;
    }
    weft_record_write(&run->record, run->server, run->duration_ns, run->between, &json);
    weft_json_layout(weft_text_string(&json), json.length, &text);
    weft_text_append_string(&text, "\n");
    if (json.failed || text.failed) {
        return weft_error_set_out_of_memory(error);
    }
    return weft_file_write(run->record_path, text.data, text.length, 0666, error);
}

static const char *path_of(const struct run *run, const char *output)
{
    const char *path = NULL;
    for (size_t i = 0; i < run->files_count; i++) {
        path = strcmp(run->files[i].name, output) == 0 ? run->files[i].path : path;
    }
    return path;
}

static enum weft_status write_outputs(struct run *run, struct weft_error **error)
{
    enum weft_status status = WEFT_OK;
    for (size_t i = 0; status == WEFT_OK && i < run->files_count; i++) {
        const struct weft_value *value =
            weft_values_find(&run->response.outputs, run->files[i].name);
        status = value != NULL
                     ? weft_output_write(value, &run->files[i], error)
                     : weft_error_set(error, WEFT_INTERNAL, "the answer has no output \"%s\"",
                                      run->files[i].name);
    }
    return status;
}

/* --- to standard output --- */

static void print_json(const struct run *run, struct weft_text *text)
{
    cleanup_text struct weft_text json = {0};
    weft_text_append_string(&json, "{\"id\":");
    weft_text_append_json(&json, run->id, strlen(run->id));
    weft_text_append_string(&json, ",\"pipeline\":");
    weft_text_append_json(&json, run->pipeline, strlen(run->pipeline));
    weft_text_append_string(&json, ",\"outputs\":[");
    for (size_t i = 0; i < run->response.outputs.count; i++) {
        const struct weft_named_value *output = &run->response.outputs.items[i];
        weft_text_append_string(&json, i > 0 ? "," : "");
        weft_output_json(output->name, output->value, path_of(run, output->name), &json);
    }
    weft_text_append_string(&json, "],\"record\":");
    if (run->has_record) {
        weft_record_write(&run->record, run->server, run->duration_ns, run->between, &json);
    } else {
        weft_text_append_string(&json, "null");
    }
    weft_text_append_string(&json, "}");
    weft_json_layout(weft_text_string(&json), json.length, text);
    weft_text_append_string(text, "\n");
    text->failed |= json.failed;
}

static enum weft_status print(const struct run *run, struct weft_error **error)
{
    cleanup_text struct weft_text text = {0};
    if (run->json) {
        print_json(run, &text);
    } else {
        for (size_t i = 0; i < run->response.outputs.count; i++) {
            const struct weft_named_value *output = &run->response.outputs.items[i];
            weft_output_show(output->name, output->value, path_of(run, output->name), &text);
        }
    }
    if (run->table && run->has_record) {
        weft_text_append_string(&text, "\n");
        weft_report_write(&run->record, run->duration_ns, run->between,
                          weft_screen_width(STDOUT_FILENO), weft_screen_is_utf8(), &text);
    }
    fputs(weft_text_string(&text), stdout);
    return text.failed ? weft_error_set_out_of_memory(error) : WEFT_OK;
}

static enum weft_status perform(struct run *run, struct weft_error **error)
{
    enum weft_status status = prepare(run, error);
    if (status != WEFT_OK) {
        return status;
    }
    measure_before(run);
    status = call(run, error);
    if (status == WEFT_OK) {
        status = write_outputs(run, error);
    }
    /* A record of what failed is worth as much; nobody keeps one where nobody is any more. */
    if (status != WEFT_UNAVAILABLE) {
        fetch_record(run);
        enum weft_status recorded = write_record(run, status == WEFT_OK ? error : NULL);
        status = status == WEFT_OK ? recorded : status;
    }
    return status == WEFT_OK ? print(run, error) : status;
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
                struct list *list)
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
        run->server = arguments->value;
        return true;
    case TIMEOUT:
        return weft_argument_duration_ms(arguments, "--timeout", &run->timeout_ms);
    case ID:
        if (arguments->value[0] == '\0' || strlen(arguments->value) >= ID_MAX) {
            weft_cli_usage(arguments->verb, "--id has from 1 to %d bytes", ID_MAX - 1);
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
        "  weft run portrait --server 127.0.0.15:8000 --input photo=@photo.jpg \\\n"
        "    --input seed=7 --output image=portrait.png --record run.json --table\n",
    .run = run_verb,
};
