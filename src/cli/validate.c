/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/value.h"
#include "cli/arguments.h"
#include "cli/verbs.h"
#include "client/client.h"
#include "client/document.h"
#include "node/check.h"

enum { MODELS, SERVER, OUTPUT };

static const struct weft_option options[] = {
    [MODELS] = {"--models", false},
    [SERVER] = {"--server", false},
    [OUTPUT] = {"-o", false},
    {NULL, false},
};

struct settings {
    const char **files;
    size_t files_count;
    const char *models, *server;
    size_t format; /* 1 = JSON */
};

/* --- one file --- */

static void write_json(const struct weft_diagnostics *diagnostics, const char *file,
                       const struct weft_error *unread, bool first)
{
    cleanup_text struct weft_text text = {0};
    weft_text_printf(&text, "%s{\"file\":", first ? "" : ",");
    weft_text_append_json(&text, file, strlen(file));
    weft_text_printf(&text, ",\"valid\":%s,\"findings\":[",
                     diagnostics->errors == 0 && unread == NULL ? "true" : "false");
    for (size_t i = 0; i < diagnostics->count; i++) {
        const struct weft_diagnostic *item = &diagnostics->items[i];
        weft_text_printf(&text, "%s{\"severity\":\"%s\",\"line\":%u,\"column\":%u,\"message\":",
                         i > 0 ? "," : "",
                         item->severity == WEFT_SEVERITY_ERROR ? "error" : "warning", item->at.line,
                         item->at.column);
        weft_text_append_json(&text, item->message, strlen(item->message));
        weft_text_append_string(&text, ",\"suggestion\":");
        if (item->suggestion != NULL) {
            weft_text_append_json(&text, item->suggestion, strlen(item->suggestion));
        } else {
            weft_text_append_string(&text, "null");
        }
        weft_text_append_string(&text, "}");
    }
    weft_text_append_string(&text, "]}");
    fputs(weft_text_string(&text), stdout);
}

/* Findings of -o table go to standard output: they are what one asked for. */
static int check_one(const struct settings *settings, const char *file,
                     const struct weft_known_models *models, bool first)
{
    cleanup_diagnostics struct weft_diagnostics diagnostics;
    cleanup_error struct weft_error *error = NULL;
    bool whole = false;
    weft_diagnostics_init(&diagnostics, file);
    enum weft_status status = weft_check_file(file, models, &diagnostics, &whole, &error);
    bool unread = status != WEFT_OK && diagnostics.errors == 0;
    if (settings->format == 1) {
        write_json(&diagnostics, file, unread ? error : NULL, first);
    } else {
        cleanup_text struct weft_text text = {0};
        weft_diagnostics_format(&diagnostics, &text);
        fputs(weft_text_string(&text), stdout);
        if (status == WEFT_OK) {
            printf("%s: valid%s\n", file, whole ? "" : ", as far as it goes without models");
        }
    }
    return unread ? weft_cli_fail(&weft_verb_validate, error)
                  : (status == WEFT_OK ? WEFT_EXIT_OK : WEFT_EXIT_INVALID);
}

/* --- the models --- */

/* The newest version, as steps that name none get it; a model on several nodes is asked for once.
 */
static enum weft_status ask_for(struct weft_client *client, const struct weft_item *item,
                                struct weft_known_models *models, struct weft_error **error)
{
    struct weft_model_info info = {0};
    const char *name = weft_item_text(item, "name");
    if (weft_known_models_has(models, name)) {
        return WEFT_OK;
    }
    if (strcmp(weft_item_text(item, "state"), "READY") != 0) {
        return weft_known_models_add_opaque(models, name, error);
    }
    enum weft_status status = weft_client_describe(client, name, NULL, 0, &info, error);
    if (status == WEFT_OK) {
        status = weft_known_models_add(models, &info, error);
        weft_model_info_fini(&info);
    }
    return status;
}

static enum weft_status ask_server(const char *address, struct weft_known_models *models,
                                   struct weft_error **error)
{
    cleanup_client struct weft_client *client = NULL;
    cleanup_document struct weft_document *document = NULL;
    enum weft_status status = weft_client_new(address, &client, error);
    if (status == WEFT_OK) {
        status = weft_client_get(client, "/v1/models", 0, &document, error);
    }
    if (status != WEFT_OK) {
        return status;
    }
    const struct weft_item *list = weft_item_member(weft_document_root(document), "models");
    for (const struct weft_item *item = list != NULL ? list->first : NULL;
         item != NULL && status == WEFT_OK; item = item->next) {
        status = ask_for(client, item, models, error);
    }
    return status;
}

static int check_all(const struct settings *settings)
{
    cleanup_error struct weft_error *error = NULL;
    struct weft_known_models models = {0};
    enum weft_status status = WEFT_OK;
    bool known = settings->models != NULL || settings->server != NULL;
    if (settings->models != NULL) {
        status = weft_known_models_read(&models, settings->models, &error);
    } else if (settings->server != NULL) {
        status = ask_server(settings->server, &models, &error);
    }
    int code = WEFT_EXIT_OK;
    if (status != WEFT_OK) {
        code = weft_cli_fail(&weft_verb_validate, error);
        weft_known_models_fini(&models);
        return code;
    }
    fputs(settings->format == 1 ? "{\"files\":[" : "", stdout);
    for (size_t i = 0; i < settings->files_count; i++) {
        int one = check_one(settings, settings->files[i], known ? &models : NULL, i == 0);
        code = code == WEFT_EXIT_OK ? one : code;
    }
    fputs(settings->format == 1 ? "]}\n" : "", stdout);
    weft_known_models_fini(&models);
    return code;
}

/* --- the command line --- */

static bool take(const struct weft_arguments *walk, int option, struct settings *settings)
{
    static const char *const formats[] = {"table", "json", NULL};
    switch (option) {
    case MODELS:
        settings->models = walk->value;
        return true;
    case SERVER:
        return weft_argument_address(walk, "--server", &settings->server);
    case OUTPUT:
        return weft_argument_word(walk, "-o", formats, &settings->format);
    case WEFT_ARGUMENTS_WORD:
        settings->files[settings->files_count++] = walk->value;
        return true;
    default:
        return false;
    }
}

static int run(int count, char **arguments)
{
    cleanup_free const char **files = calloc((size_t)count, sizeof(char *));
    struct settings settings = {.files = files};
    struct weft_arguments walk = {&weft_verb_validate, options, count, arguments, 0, false, NULL};
    bool well = files != NULL;
    for (int option; well && (option = weft_arguments_next(&walk)) != WEFT_ARGUMENTS_END;) {
        well = take(&walk, option, &settings);
    }
    if (!well) {
        return WEFT_EXIT_USAGE;
    }
    if (settings.files_count == 0) {
        return weft_cli_usage(&weft_verb_validate, "needs a FILE to check");
    }
    if (settings.models != NULL && settings.server != NULL) {
        return weft_cli_usage(&weft_verb_validate, "--models and --server exclude each other");
    }
    return check_all(&settings);
}

const struct weft_verb weft_verb_validate = {
    .name = "validate",
    .summary = "checks pipeline and cluster files",
    .help =
        "usage: weft validate FILE... [--models DIR | --server HOST:PORT] [-o table|json]\n\n"
        "Checks pipeline files, and cluster files, and says for each finding where it is, what\n"
        "is wrong and what was probably meant. With models, it also checks that those of a\n"
        "pipeline exist, and that tensors, datatypes and shapes fit. Of a cluster file, it checks\n"
        "the directories, models and pipelines that it names. Ends with 3 where a file is not "
        "valid.\n\n"
        "  --models DIR         the models of this directory, as their config.pbtxt says\n"
        "  --server HOST:PORT   the models of this cluster, as it says now\n"
        "  -o table|json        lines for people, or one JSON object (table)\n\n"
        "example:\n"
        "  weft validate examples/portrait/portrait.yaml --models models/repository\n",
    .run = run,
};
