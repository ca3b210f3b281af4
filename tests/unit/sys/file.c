/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/story.h"

static char root[] = "/tmp/weft-file-XXXXXX";

static const char *path_of(const char *name)
{
    static char path[512];
    snprintf(path, sizeof(path), "%s/%s", root, name);
    return path;
}

static int make_root(void **state)
{
    (void)state;
    return mkdtemp(root) == NULL;
}

static int remove_root(void **state)
{
    (void)state;
    char command[600];
    snprintf(command, sizeof(command), "rm -r '%s'", root);
    return system(command);
}

static void test_what_is_written_is_read(void **state)
{
    (void)state;
    struct weft_error *error = NULL;
    struct weft_slice content;
    char *text = NULL;
    assert_ok(weft_file_write(path_of("one"), "first", 5, 0644, &error), error);
    assert_ok(weft_file_write(path_of("one"), "second", 6, 0600, &error), error);
    assert_ok(weft_file_read(path_of("one"), 6, &content, &error), error);
    assert_int_equal(content.size_bytes, 6);
    assert_memory_equal(content.data, "second", 6);
    weft_slice_fini(&content);
    assert_ok(weft_file_read_text(path_of("one"), 100, &text, &error), error);
    assert_string_equal(text, "second");
    free(text);
    struct stat about;
    assert_int_equal(stat(path_of("one"), &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
}

static void test_limits_and_absences_are_said(void **state)
{
    (void)state;
    struct weft_slice content;
    char *text = NULL;
    assert_ok(weft_file_write(path_of("nul"), "a\0b", 3, 0644, NULL), NULL);
    assert_status(weft_file_read(path_of("nul"), 2, &content, NULL), WEFT_RESOURCE_EXHAUSTED);
    assert_status(weft_file_read_text(path_of("nul"), 3, &text, NULL), WEFT_INVALID_ARGUMENT);
    assert_status(weft_file_read(path_of("absent"), 2, &content, NULL), WEFT_NOT_FOUND);
    assert_status(weft_file_read(root, 2, &content, NULL), WEFT_INVALID_ARGUMENT);
    assert_status(weft_file_write(path_of("no/where"), "", 0, 0644, NULL), WEFT_NOT_FOUND);
}

static void test_directories_are_made_and_listed(void **state)
{
    (void)state;
    struct weft_error *error = NULL;
    char **names = NULL;
    size_t count = 0;
    assert_ok(weft_directory_make(path_of("deep/er/still/"), &error), error);
    assert_ok(weft_directory_make(path_of("deep/er/still"), &error), error);
    assert_ok(weft_file_write(path_of("deep/er/a"), "", 0, 0644, &error), error);
    assert_ok(weft_directory_list(path_of("deep/er"), 10, &names, &count, &error), error);
    assert_int_equal(count, 2);
    assert_string_equal(names[0], "a");
    assert_string_equal(names[1], "still");
    free(names[0]);
    free(names[1]);
    free(names);
    assert_status(weft_directory_list(path_of("deep/er"), 1, &names, &count, NULL),
                  WEFT_RESOURCE_EXHAUSTED);
    assert_status(weft_directory_make(path_of("deep/er/a"), NULL), WEFT_ALREADY_EXISTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_limits_and_absences_are_said),
        cmocka_unit_test(test_directories_are_made_and_listed),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
