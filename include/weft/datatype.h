/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_DATATYPE_H
#define WEFT_DATATYPE_H

/*
 * Tensor element types, with the names of the Open Inference Protocol v2 ("Tensor Data Types").
 * BF16 is Triton's addition to that list. Constant data only: any thread may call.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weft/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, number, bytes per element; 0 = elements of their own length) */
#define WEFT_DATATYPE_TABLE(X)                                                                     \
    X(BOOL, 1, 1)                                                                                  \
    X(UINT8, 2, 1)                                                                                 \
    X(UINT16, 3, 2)                                                                                \
    X(UINT32, 4, 4)                                                                                \
    X(UINT64, 5, 8)                                                                                \
    X(INT8, 6, 1)                                                                                  \
    X(INT16, 7, 2)                                                                                 \
    X(INT32, 8, 4)                                                                                 \
    X(INT64, 9, 8)                                                                                 \
    X(FP16, 10, 2)                                                                                 \
    X(FP32, 11, 4)                                                                                 \
    X(FP64, 12, 8)                                                                                 \
    X(BYTES, 13, 0)                                                                                \
    X(BF16, 14, 2)

enum weft_datatype {
    WEFT_DATATYPE_NONE = 0,
#define WEFT_DATATYPE_ENUM(name, number, size_bytes) WEFT_##name = (number),
    WEFT_DATATYPE_TABLE(WEFT_DATATYPE_ENUM)
#undef WEFT_DATATYPE_ENUM
};

/* More dimensions than any model we know uses; keeps a shape inline in a value. A tensor with more
 * is refused. */
#define WEFT_RANK_MAX 8

/* A shape; -1 in a specification (never in a value) means "any". */
struct weft_shape {
    uint32_t rank;
    int64_t dims[WEFT_RANK_MAX];
};

/* "FP32", ...; "NONE" where it is none. */
const char *weft_datatype_name(enum weft_datatype datatype);
/* WEFT_DATATYPE_NONE where the name is unknown. length in bytes. */
enum weft_datatype weft_datatype_from_name(const char *name, size_t length);
/* Bytes per element; 0 for BYTES and NONE. */
size_t weft_datatype_size_bytes(enum weft_datatype datatype);

/* The product of the dimensions, 1 for rank 0. False on a negative dimension or where the product
 * overflows. */
WEFT_MUST_CHECK bool weft_shape_elements(const struct weft_shape *shape, uint64_t *ret_elements);
/* The bytes that a tensor of a fixed-size datatype needs. False on overflow or for BYTES. */
WEFT_MUST_CHECK bool weft_shape_size_bytes(const struct weft_shape *shape,
                                           enum weft_datatype datatype, uint64_t *ret_size_bytes);
/* Whether a value's shape fits a specification, where -1 fits any dimension. */
bool weft_shape_fits(const struct weft_shape *shape, const struct weft_shape *specification);
bool weft_shape_equal(const struct weft_shape *a, const struct weft_shape *b);
/* Writes "[1,3,-1]" into text, always terminated; returns the length that the whole needs. */
size_t weft_shape_format(const struct weft_shape *shape, char *text, size_t capacity);

#ifdef __cplusplus
}
#endif
#endif
