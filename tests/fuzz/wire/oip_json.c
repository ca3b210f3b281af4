/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "wire/oip_json.h"

/* A client's REST body. Two bytes in front are the length of the JSON (65535: all is JSON). What is
 * accepted can be written, and reads back as the same bytes where JSON can say it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static void there_and_back(struct weft_oip_request *request, bool binary)
{
    struct weft_oip_response response = {.outputs = request->inputs};
    struct weft_oip_request asked = {.binary_outputs = binary};
    cleanup_slices struct weft_slices slices = {0};
    cleanup_slice struct weft_slice bytes = {0};
    cleanup_oip_response struct weft_oip_response again = {0};
    size_t json_bytes = 0;
    if (weft_oip_json_response_encode(&response, &asked, &slices, &json_bytes, NULL) != WEFT_OK) {
        return;
    }
    if (!weft_slices_join(&slices, &bytes) ||
        weft_oip_json_response_decode(&bytes, json_bytes, &again, NULL) != WEFT_OK) {
        /* Names and parameters may hold what a value's limits refuse; tensors themselves may not.
         */
        return;
    }
    for (size_t i = 0; i < again.outputs.count; i++) {
        const struct weft_slice *first = weft_value_slice(request->inputs.items[i].value);
        const struct weft_slice *second = weft_value_slice(again.outputs.items[i].value);
        if (first->size_bytes != second->size_bytes ||
            (first->size_bytes > 0 &&
             weft_value_datatype(again.outputs.items[i].value) != WEFT_BOOL &&
             memcmp(first->data, second->data, first->size_bytes) != 0)) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    cleanup_slice struct weft_slice body = {0};
    cleanup_error struct weft_error *error = NULL;
    cleanup_oip_request struct weft_oip_request request = {0};
    cleanup_oip_response struct weft_oip_response response = {0};
    bool ready = false;
    if (size_bytes < 2 || !weft_slice_copy(data + 2, size_bytes - 2, &body)) {
        return 0;
    }
    size_t json_bytes = (size_t)data[0] | (size_t)data[1] << 8;
    json_bytes = json_bytes == 65535 ? WEFT_OIP_JSON_WHOLE : json_bytes;
    (void)!weft_oip_json_index_decode(&body, &ready, NULL);
    (void)!weft_oip_json_response_decode(&body, json_bytes, &response, NULL);
    if (weft_oip_json_request_decode(&body, json_bytes, &request, &error) == WEFT_OK) {
        there_and_back(&request, false);
        there_and_back(&request, true);
    } else if (error == NULL) {
        abort();
    }
    return 0;
}
