/* SPDX-License-Identifier: Apache-2.0 */
#include "place.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <weft/model.h>

bool weft_place_beside(const char *name, char ret_path[WEFT_PLACE_MAX])
{
    Dl_info self;
    if (dladdr(&weft_model_plugin, &self) == 0 || self.dli_fname == NULL) {
        return false;
    }
    const char *slash = strrchr(self.dli_fname, '/');
    int length = slash == NULL ? 1 : (int)(slash - self.dli_fname);
    int written = snprintf(ret_path, WEFT_PLACE_MAX, "%.*s/%s", length,
                           slash == NULL ? "." : self.dli_fname, name);
    return written > 0 && written < WEFT_PLACE_MAX && access(ret_path, R_OK) == 0;
}
