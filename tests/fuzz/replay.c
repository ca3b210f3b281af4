/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The main of a fuzz target where no fuzzer drives it: replays every file of the folders given (its
 * corpus and what was found with it before), in the order of their names. An empty corpus is a
 * failure.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

/* Longer inputs than this are no corpus but somebody's mistake. */
enum { INPUT_MAX_BYTES = 1024 * 1024 };

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(INPUT_MAX_BYTES);
    if (file == NULL || data == NULL) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(1);
    }
    size_t size_bytes = fread(data, 1, INPUT_MAX_BYTES, file);
    fclose(file);
    /* A block of exactly that size, so that the sanitizer sees a read beyond it. */
    uint8_t *exact = malloc(size_bytes > 0 ? size_bytes : 1);
    if (exact == NULL) {
        exit(1);
    }
    memcpy(exact, data, size_bytes);
    free(data);
    LLVMFuzzerTestOneInput(exact, size_bytes);
    free(exact);
    return 1;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int replay_folder(const char *folder)
{
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_visible, alphasort);
    int replayed = 0;
    for (int i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        replayed += replay_file(path);
        free(entries[i]);
    }
    free(entries);
    return replayed;
}

int main(int argc, char **argv)
{
    int replayed = 0;
    for (int i = 1; i < argc; i++) {
        replayed += replay_folder(argv[i]);
    }
    printf("%d inputs replayed\n", replayed);
    return replayed > 0 ? 0 : 1;
}
