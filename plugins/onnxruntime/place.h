/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_ONNXRUNTIME_PLACE_H
#define WEFT_ONNXRUNTIME_PLACE_H

/*
 * Files beside this plugin. Any thread.
 */

#include <stdbool.h>

/* Paths longer than this are taken as not there. */
#define WEFT_PLACE_MAX 4096

/* Writes the path of the file `name` in the directory that this plugin was opened from. False where
 * that cannot be told or no such file is there. */
bool weft_place_beside(const char *name, char ret_path[WEFT_PLACE_MAX]);

#endif
