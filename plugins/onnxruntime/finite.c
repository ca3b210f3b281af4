/* SPDX-License-Identifier: Apache-2.0 */
#include "finite.h"

#include <string.h>

/* NaN and the infinities are those whose exponent's bits are all ones (IEEE 754, 3.4). A tensor's
 * bytes need not be aligned. */
#define DEFINE_FIND(name, type, exponent)                                                          \
    static bool name(const uint8_t *bytes, size_t size_bytes, uint64_t *ret_index)                 \
    {                                                                                              \
        for (size_t i = 0; i < size_bytes / sizeof(type); i++) {                                   \
            type bits;                                                                             \
            memcpy(&bits, bytes + i * sizeof(type), sizeof(bits));                                 \
            if ((bits & (exponent)) == (exponent)) {                                               \
                *ret_index = i;                                                                    \
                return true;                                                                       \
            }                                                                                      \
        }                                                                                          \
        return false;                                                                              \
    }

DEFINE_FIND(find_fp16, uint16_t, 0x7c00U)
DEFINE_FIND(find_bf16, uint16_t, 0x7f80U)
DEFINE_FIND(find_fp32, uint32_t, UINT32_C(0x7f800000))
DEFINE_FIND(find_fp64, uint64_t, UINT64_C(0x7ff0000000000000))

bool weft_finite_find_other(const struct weft_tensor *tensor, uint64_t *ret_index)
{
    switch (tensor->datatype) {
    case WEFT_FP16:
        return find_fp16(tensor->data, tensor->size_bytes, ret_index);
    case WEFT_BF16:
        return find_bf16(tensor->data, tensor->size_bytes, ret_index);
    case WEFT_FP32:
        return find_fp32(tensor->data, tensor->size_bytes, ret_index);
    case WEFT_FP64:
        return find_fp64(tensor->data, tensor->size_bytes, ret_index);
    default:
        return false;
    }
}
