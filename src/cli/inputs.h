/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_CLI_INPUTS_H
#define WEFT_CLI_INPUTS_H

/*
 * `--input NAME=VALUE` and `--parameter KEY=VALUE` as tensors and parameters of a request. VALUE is
 * numbers ("0.42,0.47"), text, or @FILE; a text that begins with @ is written @@. What a value
 * means follows from the input's datatype and shape as the server's metadata says them:
 *
 *   BYTES            text, or a whole file, as one element; a file's ending gives its content_type
 *   everything else  numbers, or a file with the raw elements, little-endian
 *
 * One unknown dimension follows from the number of elements; NAME[2,3]=VALUE says the shape. One
 * thread.
 */

#include "base/message.h"
#include "base/value.h"

enum {
    /* The largest file that becomes a tensor; servers take no message that is larger. */
    WEFT_INPUT_FILE_MAX_BYTES = 1024 * 1024 * 1024,
    /* Numbers on a command line. */
    WEFT_INPUT_NUMBERS_MAX = 1024 * 1024,
};

/* Adds the input that `argument` says. INVALID_ARGUMENT where it fits nothing of info, with what
 * was probably meant; NOT_FOUND for a file that is not there. */
enum weft_status weft_input_add(const char *argument, const struct weft_model_info *info,
                                struct weft_values *inputs,
                                struct weft_error **error) WEFT_MUST_CHECK;
/* true and false are BOOL, whole numbers INT64, others DOUBLE, the rest text; in quotes it is text,
 * too. */
enum weft_status weft_parameter_add(const char *argument, struct weft_parameters *parameters,
                                    struct weft_error **error) WEFT_MUST_CHECK;
/* "image/png" for "a.png"; NULL where the ending says nothing. */
const char *weft_content_type_of(const char *path);

#endif
