/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/places.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

enum { PATH_LENGTH_MAX = 4096 };

char *weft_place_program(void)
{
    char path[PATH_LENGTH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (length <= 0) {
        return NULL;
    }
    path[length] = '\0';
    return strdup(path);
}

char *weft_place_plugins(void)
{
    static const char *const beside[] = {"../lib/weft/plugins", "../../plugins"};
    cleanup_free char *program = weft_place_program();
    char *slash = program != NULL ? strrchr(program, '/') : NULL;
    for (size_t i = 0; slash != NULL && i < sizeof(beside) / sizeof(beside[0]); i++) {
        cleanup_text struct weft_text path = {0};
        struct stat about;
        weft_text_append(&path, program, (size_t)(slash + 1 - program));
        weft_text_append_string(&path, beside[i]);
        if (!path.failed && stat(weft_text_string(&path), &about) == 0 && S_ISDIR(about.st_mode)) {
            return weft_text_steal(&path);
        }
    }
    return NULL;
}

/* The XDG base directory specification: a path that is not absolute is ignored. */
static const char *absolute(const char *variable)
{
    const char *path = getenv(variable);
    return path != NULL && path[0] == '/' ? path : NULL;
}

char *weft_place_state(const char *cluster, const char *node)
{
    cleanup_text struct weft_text path = {0};
    const char *state = absolute("XDG_STATE_HOME");
    const char *home = absolute("HOME");
    if (state == NULL && home == NULL) {
        return NULL;
    }
    weft_text_printf(&path, state != NULL ? "%s/weft" : "%s/.local/state/weft",
                     state != NULL ? state : home);
    if (cluster != NULL) {
        weft_text_printf(&path, "/%s", cluster);
    }
    weft_text_printf(&path, "/%s", node);
    return weft_text_steal(&path);
}

char *weft_place_running(const char *cluster)
{
    cleanup_text struct weft_text path = {0};
    const char *runtime = absolute("XDG_RUNTIME_DIR");
    if (runtime != NULL) {
        weft_text_printf(&path, "%s/weft/%s", runtime, cluster);
    } else {
        weft_text_printf(&path, "/tmp/weft-%u/%s", (unsigned)getuid(), cluster);
    }
    return weft_text_steal(&path);
}
