/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/file.h"

#include <fcntl.h>
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

static void test_the_umask_holds_and_only_files_are_replaced(void **state)
{
    (void)state;
    struct stat about;
    char byte;
    mode_t before = umask(027);
    assert_ok(weft_file_write(path_of("masked"), "x", 1, 0666, NULL), NULL);
    umask(before);
    assert_int_equal(stat(path_of("masked"), &about), 0);
    assert_int_equal(about.st_mode & 0777, 0640);

    assert_int_equal(symlink("masked", path_of("link")), 0);
    assert_ok(weft_file_write(path_of("link"), "yy", 2, 0666, NULL), NULL);
    assert_int_equal(lstat(path_of("link"), &about), 0);
    assert_true(S_ISLNK(about.st_mode));
    assert_int_equal(stat(path_of("masked"), &about), 0);
    assert_int_equal(about.st_size, 2);

    assert_int_equal(mkfifo(path_of("pipe"), 0600), 0);
    int reader = open(path_of("pipe"), O_RDONLY | O_NONBLOCK);
    assert_ok(weft_file_write(path_of("pipe"), "z", 1, 0666, NULL), NULL);
    assert_int_equal(read(reader, &byte, 1), 1);
    close(reader);
    assert_int_equal(lstat(path_of("pipe"), &about), 0);
    assert_true(S_ISFIFO(about.st_mode));
    assert_int_equal(unlink(path_of("pipe")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read),
        cmocka_unit_test(test_limits_and_absences_are_said),
        cmocka_unit_test(test_directories_are_made_and_listed),
        cmocka_unit_test(test_the_umask_holds_and_only_files_are_replaced),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}
