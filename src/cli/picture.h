/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_CLI_PICTURE_H
#define WEFT_CLI_PICTURE_H

/*
 * Pictures, UINT8 [height, width, 3], as PNG and JPEG files. The codecs are in the module image.so,
 * which is looked for beside the program and opened at first use, so that no other verb loads them.
 * One thread.
 */

#include "base/value.h"

/* Whether a file of that name is to be a picture: it ends in .png, .jpg or .jpeg. */
bool weft_picture_is_named(const char *path);
/* Whether its name promises a picture in another form, which is not written here. */
bool weft_picture_is_foreign(const char *path);
/* Whether a value is one. */
bool weft_picture_is(const struct weft_value *value);
/* Writes it in the format that the name says. FAILED_PRECONDITION where the module is not there. */
enum weft_status weft_picture_write(const struct weft_value *value, const char *path,
                                    struct weft_error **error) WEFT_MUST_CHECK;

#endif
