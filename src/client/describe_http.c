/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/client.h"

static enum weft_status read_shape(const struct weft_item *shape, struct weft_shape *ret_shape,
                                   struct weft_error **error)
{
    *ret_shape = (struct weft_shape){0};
    if (shape == NULL || shape->kind != WEFT_DOCUMENT_ARRAY || shape->count > WEFT_RANK_MAX) {
        return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                              "the metadata has a shape that is none of up to %d dimensions",
                              WEFT_RANK_MAX);
    }
    for (const struct weft_item *item = shape->first; item != NULL; item = item->next) {
        char *end = NULL;
        errno = 0;
        long long dimension =
            item->kind == WEFT_DOCUMENT_NUMBER ? strtoll(item->text, &end, 10) : -2;
        if (errno != 0 || dimension < -1 || *end != '\0') {
            return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                  "the metadata has a dimension that is no number of elements");
        }
        ret_shape->dims[ret_shape->rank++] = dimension;
    }
    return WEFT_OK;
}

static enum weft_status read_tensors(const struct weft_item *list,
                                     struct weft_model_tensor **ret_tensors, size_t *ret_count,
                                     struct weft_error **error)
{
    size_t count = list != NULL && list->kind == WEFT_DOCUMENT_ARRAY ? list->count : 0;
    if (count > WEFT_VALUES_MAX) {
        return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED,
                              "the metadata has more than %d tensors", WEFT_VALUES_MAX);
    }
    *ret_tensors = calloc(count + 1, sizeof(**ret_tensors));
    if (*ret_tensors == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    const struct weft_item *item = count > 0 ? list->first : NULL;
    for (; item != NULL; item = item->next) {
        struct weft_model_tensor *tensor = &(*ret_tensors)[*ret_count];
        const char *datatype = weft_item_text(item, "datatype");
        if ((tensor->name = strdup(weft_item_text(item, "name"))) == NULL) {
            return weft_error_set_out_of_memory(error);
        }
        (*ret_count)++;
        tensor->datatype = weft_datatype_from_name(datatype, strlen(datatype));
        if (tensor->datatype == WEFT_DATATYPE_NONE) {
            return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                  "the metadata gives tensor \"%s\" the unknown datatype \"%s\"",
                                  tensor->name, datatype);
        }
        enum weft_status status =
            read_shape(weft_item_member(item, "shape"), &tensor->shape, error);
        if (status != WEFT_OK) {
            return status;
        }
    }
    return WEFT_OK;
}

enum weft_status weft_client_describe_http(struct weft_client *client, const char *name,
                                           const char *version, struct weft_model_info *ret_info,
                                           struct weft_error **error)
{
    cleanup_document struct weft_document *document = NULL;
    cleanup_free char *target = NULL;
    if (asprintf(&target, "/v2/models/%s%s%s", name, version != NULL ? "/versions/" : "",
                 version != NULL ? version : "") < 0) {
        target = NULL;
        return weft_error_set_out_of_memory(error);
    }
    enum weft_status status = weft_client_get(client, target, 0, &document, error);
    if (status != WEFT_OK) {
        return status;
    }
    const struct weft_item *root = weft_document_root(document);
    struct weft_model_info info = {.name = strdup(weft_item_text(root, "name")),
                                   .platform = strdup(weft_item_text(root, "platform"))};
    status =
        info.name != NULL && info.platform != NULL ? WEFT_OK : weft_error_set_out_of_memory(error);
    if (status == WEFT_OK) {
        status =
            read_tensors(weft_item_member(root, "inputs"), &info.inputs, &info.inputs_count, error);
    }
    if (status == WEFT_OK) {
        status = read_tensors(weft_item_member(root, "outputs"), &info.outputs, &info.outputs_count,
                              error);
    }
    if (status == WEFT_OK) {
        *ret_info = info;
    } else {
        weft_model_info_fini(&info);
    }
    return status;
}
