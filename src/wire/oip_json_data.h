/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_WIRE_OIP_JSON_DATA_H
#define WEFT_WIRE_OIP_JSON_DATA_H

/*
 * A tensor's data between JSON and its raw bytes. Internal to the OIP codec; any thread.
 */

#include "base/text.h"
#include "base/value.h"
#include "wire/json.h"

/* Reads a flat or nested array that fits the shape. `json` stands before the array. */
enum weft_status weft_oip_json_data(struct weft_json *json, const char *name,
                                    enum weft_datatype datatype, const struct weft_shape *shape,
                                    bool base64, struct weft_slice *ret_data,
                                    struct weft_error **error) WEFT_MUST_CHECK;
/* Writes a value's data as a flat array. */
enum weft_status weft_oip_json_write_data(const char *name, const struct weft_value *value,
                                          bool base64, struct weft_text *text,
                                          struct weft_error **error) WEFT_MUST_CHECK;

#endif
