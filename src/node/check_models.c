/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdlib.h>

#include "model/repository.h"
#include "node/check.h"
#include "sys/file.h"

static enum weft_status add_opaque(struct weft_known_models *models, char **take_name,
                                   struct weft_error **error)
{
    char **opaque = realloc(models->opaque, (models->opaque_count + 1) * sizeof(char *));
    if (opaque == NULL) {
        return weft_error_set_out_of_memory(error);
    }
    models->opaque = opaque;
    opaque[models->opaque_count++] = steal(take_name);
    return WEFT_OK;
}

enum weft_status weft_known_models_read(struct weft_known_models *models, const char *directory,
                                        struct weft_error **error)
{
    char **names = NULL;
    size_t count = 0;
    enum weft_status status =
        weft_directory_list(directory, WEFT_REPOSITORY_MODELS_MAX, &names, &count, error);
    for (size_t i = 0; i < count; i++) {
        if (status == WEFT_OK && weft_model_name_valid(names[i])) {
            status = add_opaque(models, &names[i], error);
        }
        free(names[i]);
    }
    free(names);
    return status;
}
