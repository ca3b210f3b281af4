/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "base/value.h"
#include "cli/arguments.h"
#include "cli/server.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "client/client.h"

enum { COLUMNS_MAX = 8, NAMES_MAX = 256 };

/* A list that a node has: where it is, and what of it people look at. */
struct listing {
    const char *name;     /* "pipelines": also the member of the answer */
    const char *singular; /* "pipeline" */
    const char *target;
    const char *members[COLUMNS_MAX];
    struct weft_table_column columns[COLUMNS_MAX];
    size_t columns_count;
};

static const struct listing listings[] = {
    {"pipelines",
     "pipeline",
     "/v1/pipelines",
     {"name", "version", "steps", "ready", "inputs", "outputs", "reason"},
     {{"name", false},
      {"version", false},
      {"steps", true},
      {"ready", false},
      {"inputs", false},
      {"outputs", false},
      {"reason", false}},
     7},
    {"models",
     "model",
     "/v1/models",
     {"name", "version", "node", "platform", "state", "generation", "reason"},
     {{"name", false},
      {"version", false},
      {"node", false},
      {"platform", false},
      {"state", false},
      {"generation", true},
      {"reason", false}},
     7},
    {"nodes",
     "node",
     "/v1/nodes",
     {"name", "address", "self", "slots", "memory_bytes", "tags", "models"},
     {{"name", false},
      {"address", false},
      {"called", false},
      {"slots", true},
      {"memory", true},
      {"tags", false},
      {"models", false}},
     7},
};

enum { LISTINGS = sizeof(listings) / sizeof(listings[0]) };

struct get {
    const struct listing *listing;
    const char *name; /* NULL = all */
    const char *server;
    bool json;
};

/* --- cells --- */

/* "photo BYTES[1]": an element of a pipeline's inputs; "scene": of a node's models or tags. */
static void append_element(const struct weft_item *item, struct weft_text *text)
{
    if (item->kind != WEFT_DOCUMENT_OBJECT) {
        weft_text_append_string(text, item->text != NULL ? item->text : "");
        return;
    }
    weft_text_append_string(text, weft_item_text(item, "name"));
    const struct weft_item *shape = weft_item_member(item, "shape");
    if (shape != NULL) {
        weft_text_printf(text, " %s", weft_item_text(item, "datatype"));
        weft_text_append(text, shape->raw, shape->raw_bytes);
    }
    weft_text_append_string(text, weft_item_is_true(item, "optional") ? "?" : "");
}

static void append_cell(const struct weft_item *item, struct weft_text *text)
{
    if (item == NULL || item->kind == WEFT_DOCUMENT_NULL) {
        return;
    }
    if (item->kind == WEFT_DOCUMENT_BOOL) {
        weft_text_append_string(text, strcmp(item->text, "true") == 0 ? "yes" : "no");
    } else if (item->text != NULL) {
        weft_text_append_string(text, item->text);
    }
    for (const struct weft_item *element = item->first; element != NULL; element = element->next) {
        append_element(element, text);
        weft_text_append_string(text, element->next != NULL ? ", " : "");
    }
}

static void append_member(const struct weft_item *item, const char *member, struct weft_text *text)
{
    if (strcmp(member, "memory_bytes") == 0 && strcmp(weft_item_text(item, member), "0") == 0) {
        weft_text_append_string(text, "unlimited"); /* what no --memory means */
        return;
    }
    append_cell(weft_item_member(item, member), text);
}

static bool add_row(struct weft_table *table, const struct listing *listing,
                    const struct weft_item *item)
{
    struct weft_text cells[COLUMNS_MAX] = {0};
    const char *strings[COLUMNS_MAX] = {0};
    bool well = true;
    for (size_t i = 0; i < listing->columns_count; i++) {
        append_member(item, listing->members[i], &cells[i]);
        strings[i] = weft_text_string(&cells[i]);
        well &= !cells[i].failed;
    }
    well = well && weft_table_add(table, strings);
    for (size_t i = 0; i < listing->columns_count; i++) {
        weft_text_fini(&cells[i]);
    }
    return well;
}

/* --- answers --- */

static bool is_asked_for(const struct get *get, const struct weft_item *item)
{
    return get->name == NULL || strcmp(weft_item_text(item, "name"), get->name) == 0;
}

static enum weft_status no_such(const struct get *get, const struct weft_item *list,
                                struct weft_error **error)
{
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (const struct weft_item *item = list->first; item != NULL && count < NAMES_MAX;
         item = item->next) {
        names[count++] = weft_item_text(item, "name");
    }
    const char *near = weft_suggest(get->name, names, count);
    weft_error_set(error, WEFT_NOT_FOUND, "there is no %s \"%s\" at %s", get->listing->singular,
                   get->name, get->server);
    if (near != NULL) {
        weft_error_set_hint(error, "did you mean \"%s\"?", near);
    } else {
        weft_error_set_hint(error, "`weft get %s` lists what there is", get->listing->name);
    }
    return WEFT_NOT_FOUND;
}

/* One object where a name was asked for (models may have it on several nodes: then all), else the
 * answer as it came. */
static void write_json(const struct get *get, const struct weft_item *list, size_t found,
                       struct weft_text *text)
{
    cleanup_text struct weft_text json = {0};
    weft_text_append_string(&json, found == 1 && get->name != NULL ? "" : "[");
    const char *before = "";
    for (const struct weft_item *item = list->first; item != NULL; item = item->next) {
        if (is_asked_for(get, item)) {
            weft_text_append_string(&json, before);
            weft_text_append(&json, item->raw, item->raw_bytes);
            before = ",";
        }
    }
    weft_text_append_string(&json, found == 1 && get->name != NULL ? "" : "]");
    weft_json_layout(weft_text_string(&json), json.length, text);
    weft_text_append_string(text, "\n");
    text->failed |= json.failed;
}

static void write_table(const struct get *get, const struct weft_item *list, struct weft_text *text)
{
    cleanup_table struct weft_table *table =
        weft_table_new(get->listing->columns, get->listing->columns_count);
    bool well = table != NULL;
    for (const struct weft_item *item = list->first; well && item != NULL; item = item->next) {
        well = !is_asked_for(get, item) || add_row(table, get->listing, item);
    }
    if (well) {
        weft_table_write(table, text);
    }
    text->failed |= !well;
}

static enum weft_status print(const struct get *get, const struct weft_document *document,
                              struct weft_error **error)
{
    cleanup_text struct weft_text text = {0};
    const struct weft_item *list =
        weft_item_member(weft_document_root(document), get->listing->name);
    size_t found = 0;
    if (list == NULL || list->kind != WEFT_DOCUMENT_ARRAY) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT, "%s does not answer as a Weft node",
                              get->server);
    }
    for (const struct weft_item *item = list->first; item != NULL; item = item->next) {
        found += is_asked_for(get, item);
    }
    if (found == 0 && get->name != NULL) {
        return no_such(get, list, error);
    }
    if (get->json) {
        write_json(get, list, found, &text);
    } else {
        write_table(get, list, &text);
    }
    fputs(weft_text_string(&text), stdout);
    return text.failed ? weft_error_set_out_of_memory(error) : WEFT_OK;
}

static enum weft_status perform(const struct get *get, struct weft_error **error)
{
    cleanup_client struct weft_client *client = NULL;
    cleanup_document struct weft_document *document = NULL;
    enum weft_status status = weft_client_new(get->server, &client, error);
    if (status == WEFT_OK) {
        status = weft_client_get(client, get->listing->target, 0, &document, error);
    }
    return status == WEFT_OK ? print(get, document, error) : status;
}

/* --- the command line --- */

enum { SERVER, FORMAT };

static const struct weft_option options[] = {
    [SERVER] = {"--server", false},
    [FORMAT] = {"-o", false},
    {NULL, false},
};

static bool take_word(const char *word, struct get *get)
{
    const char *names[LISTINGS];
    if (get->listing != NULL) {
        if (get->name != NULL) {
            weft_cli_usage(&weft_verb_get, "one name at a time, not \"%s\" and \"%s\"", get->name,
                           word);
            return false;
        }
        get->name = word;
        return true;
    }
    for (size_t i = 0; i < LISTINGS; i++) {
        names[i] = listings[i].name;
        if (strcmp(listings[i].name, word) == 0 || strcmp(listings[i].singular, word) == 0) {
            get->listing = &listings[i];
            return true;
        }
    }
    const char *near = weft_suggest(word, names, LISTINGS);
    weft_cli_usage(&weft_verb_get, "there are pipelines, models and nodes, not \"%s\"%s%s%s", word,
                   near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                   near != NULL ? "\"?" : "");
    return false;
}

static bool read_arguments(int count, char **items, struct get *get)
{
    static const char *const formats[] = {"table", "json", NULL};
    struct weft_arguments arguments = {
        .verb = &weft_verb_get, .options = options, .count = count, .items = items};
    for (int option; (option = weft_arguments_next(&arguments)) != WEFT_ARGUMENTS_END;) {
        size_t format = 0;
        bool well = option != WEFT_ARGUMENTS_WRONG;
        if (option == SERVER) {
            well = weft_argument_address(&arguments, "--server", &get->server);
        } else if (option == FORMAT) {
            well = weft_argument_word(&arguments, "-o", formats, &format);
            get->json = format == 1;
        } else if (well) {
            well = take_word(arguments.value, get);
        }
        if (!well) {
            return false;
        }
    }
    if (get->listing == NULL) {
        weft_cli_usage(&weft_verb_get, "get what? pipelines, models or nodes");
        return false;
    }
    get->server = weft_server_address(get->server);
    return true;
}

static int get_verb(int count, char **items)
{
    struct get get = {0};
    cleanup_error struct weft_error *error = NULL;
    if (!read_arguments(count, items, &get)) {
        return WEFT_EXIT_USAGE;
    }
    return perform(&get, &error) == WEFT_OK ? WEFT_EXIT_OK : weft_cli_fail(&weft_verb_get, error);
}

const struct weft_verb weft_verb_get = {
    .name = "get",
    .summary = "lists pipelines, models or nodes",
    .help = "usage: weft get pipelines|models|nodes [NAME] [OPTIONS]\n"
            "\n"
            "Lists what a node knows of its cluster; with NAME only what is called so.\n"
            "\n"
            "  --server HOST:PORT     the node to ask [$WEFT_SERVER, else 127.0.0.1:8000]\n"
            "  -o json|table          as JSON, for programs [table]\n"
            "\n"
            "example:\n"
            "  weft get pipelines --server 127.0.0.15:8000\n"
            "  weft get models face -o json\n",
    .run = get_verb,
};
