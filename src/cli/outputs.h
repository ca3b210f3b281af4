/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_CLI_OUTPUTS_H
#define WEFT_CLI_OUTPUTS_H

/*
 * What becomes of a pipeline's outputs: `--output NAME=FILE` writes one to a file, small ones are
 * printed. A file that ends in .png or .jpg gets a picture; one BYTES element is written as it is,
 * everything else as raw elements. One thread.
 */

#include "base/message.h"
#include "base/text.h"
#include "base/value.h"

enum {
    /* Elements, and bytes of text, that are printed in full; the rest needs a file. */
    WEFT_OUTPUT_ELEMENTS_SHOWN = 16,
    WEFT_OUTPUT_TEXT_SHOWN_BYTES = 4096,
    /* Elements that `-o json` prints. */
    WEFT_OUTPUT_ELEMENTS_JSON = 65536,
};

struct weft_output_file {
    char *name;
    const char *path; /* borrowed from the argument */
};

/* An argument taken apart: INVALID_ARGUMENT for an output that info has not, with what was probably
 * meant, and for a file that can't become a picture. The caller frees the name. */
enum weft_status weft_output_file_parse(const char *argument, const struct weft_model_info *info,
                                        struct weft_output_file *ret_file,
                                        struct weft_error **error) WEFT_MUST_CHECK;
/* Whether a file can be written there, before what it is for has taken its time: NOT_FOUND,
 * PERMISSION_DENIED, or INVALID_ARGUMENT for a directory. */
enum weft_status weft_output_path_check(const char *path,
                                        struct weft_error **error) WEFT_MUST_CHECK;
enum weft_status weft_output_write(const struct weft_value *value,
                                   const struct weft_output_file *file,
                                   struct weft_error **error) WEFT_MUST_CHECK;
/* Appends a line: `name: 0.5 0.25`, or what it is and how to get it; path NULL = not in a file. */
void weft_output_show(const char *name, const struct weft_value *value, const char *path,
                      struct weft_text *text);
/* Appends it as an object: name, datatype, shape, size_bytes, file, data (null where it is big, or
 * in a file, or not text). */
void weft_output_json(const char *name, const struct weft_value *value, const char *path,
                      struct weft_text *text);

#endif
