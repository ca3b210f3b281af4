/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/text.h"
#include "join/operators.h"

bool join_next_element(const struct weft_value *value, size_t *offset, const char **ret_bytes,
                       size_t *ret_size_bytes)
{
    /* The value was checked when it was made: every length lies within it. */
    const uint8_t *data = weft_value_data(value);
    if (*offset >= weft_value_size_bytes(value)) {
        return false;
    }
    size_t size_bytes = 0;
    for (unsigned i = 0; i < 4; i++) {
        size_bytes |= (size_t)data[*offset + i] << (8 * i);
    }
    *ret_bytes = (const char *)data + *offset + 4;
    *ret_size_bytes = size_bytes;
    *offset += 4 + size_bytes;
    return true;
}

static enum weft_status text_infer(const struct weft_parameters *options,
                                   const struct weft_tensor_spec *inputs, size_t inputs_count,
                                   struct weft_tensor_spec *ret_output, struct weft_error **error)
{
    (void)options;
    for (size_t i = 0; i < inputs_count; i++) {
        if (inputs[i].datatype != WEFT_BYTES) {
            return weft_error_set(error, WEFT_INVALID_ARGUMENT,
                                  "text joins BYTES, but input %zu is %s", i + 1,
                                  weft_datatype_name(inputs[i].datatype));
        }
    }
    *ret_output =
        (struct weft_tensor_spec){.datatype = WEFT_BYTES, .shape = {.rank = 1, .dims = {1}}};
    return WEFT_OK;
}

/* All elements of all inputs in the order of the step, with the separator between. */
static enum weft_status text_apply(const struct weft_parameters *options,
                                   struct weft_value *const *inputs, size_t inputs_count,
                                   const struct weft_tensor_spec *output,
                                   struct weft_value **ret_output, struct weft_error **error)
{
    (void)output;
    const char *separator = weft_parameters_string(options, "separator");
    cleanup_text struct weft_text text = {0};
    bool first = true;
    for (size_t i = 0; i < inputs_count; i++) {
        const char *bytes = NULL;
        size_t size_bytes = 0;
        for (size_t offset = 0; join_next_element(inputs[i], &offset, &bytes, &size_bytes);) {
            if (!weft_utf8_valid(bytes, size_bytes)) {
                return weft_error_set(error, WEFT_INVALID_ARGUMENT, "text: input %zu is not UTF-8",
                                      i + 1);
            }
            weft_text_append_string(&text, first ? "" : separator);
            weft_text_append(&text, bytes, size_bytes);
            first = false;
            if (text.length > WEFT_JOIN_OUTPUT_MAX_BYTES) {
                return weft_error_set(error, WEFT_RESOURCE_EXHAUSTED,
                                      "join \"text\" would put out more than %llu bytes",
                                      (unsigned long long)WEFT_JOIN_OUTPUT_MAX_BYTES);
            }
        }
    }
    if (text.failed) {
        return weft_error_set_out_of_memory(error);
    }
    return weft_value_new_bytes(weft_text_string(&text), text.length, "text/plain; charset=utf-8",
                                ret_output, error);
}

static const struct weft_model_option text_options[] = {
    {"separator", WEFT_OPTION_STRING, "", 0, 0, "what stands between two texts"},
    {0},
};

const struct weft_join join_text = {
    "text", "puts texts behind each other in the order of the step's inputs", text_options,
    text_infer, text_apply};
