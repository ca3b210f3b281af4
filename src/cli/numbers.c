/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/numbers.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the two halves (IEEE 754-2008, 3.6: binary16; bfloat16: the upper half of binary32) --- */

/* Rounds to nearest, ties to even, as nearbyint does. False where a finite number is too large. */
static bool half_from(double number, uint16_t *ret_half)
{
    uint16_t sign = signbit(number) ? 0x8000 : 0;
    if (!isfinite(number)) {
        *ret_half = isnan(number) ? 0x7E00 : (uint16_t)(sign | 0x7C00);
        return true;
    }
    int exponent = 0;
    double part = frexp(fabs(number), &exponent); /* in [0.5, 1), so ours is exponent - 1 */
    uint32_t bits = 0;
    if (exponent - 1 < -14) {
        bits = (uint32_t)nearbyint(ldexp(fabs(number), 24)); /* subnormal */
    } else if (exponent - 1 <= 15) {
        bits = (uint32_t)(exponent - 1 + 15) << 10;
        bits += (uint32_t)nearbyint(ldexp(part, 11)) - 1024; /* a carry raises the exponent */
    } else {
        bits = 0x7C00;
    }
    *ret_half = (uint16_t)(sign | bits);
    return bits < 0x7C00;
}

static double half_to(uint16_t half)
{
    int exponent = (half >> 10) & 0x1F;
    int mantissa = half & 0x3FF;
    double number = exponent == 0    ? ldexp(mantissa, -24)
                    : exponent == 31 ? (mantissa != 0 ? NAN : INFINITY)
                                     : ldexp(mantissa + 1024, exponent - 25);
    return (half & 0x8000) != 0 ? -number : number;
}

static uint16_t bfloat_from(float number)
{
    uint32_t bits = 0;
    memcpy(&bits, &number, sizeof(bits));
    if (isnan(number)) {
        return (uint16_t)((bits >> 16) | 0x40);
    }
    return (uint16_t)((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

static float bfloat_to(uint16_t bfloat)
{
    uint32_t bits = (uint32_t)bfloat << 16;
    float number = 0;
    memcpy(&number, &bits, sizeof(number));
    return number;
}

static bool put_float(enum weft_datatype datatype, double number, void *to)
{
    float single = (float)number;
    uint16_t half = 0;
    switch (datatype) {
    case WEFT_FP64:
        memcpy(to, &number, sizeof(number));
        return true;
    case WEFT_FP32:
        memcpy(to, &single, sizeof(single));
        return isfinite(single) || !isfinite(number);
    case WEFT_FP16:
        if (!half_from(number, &half)) {
            return false;
        }
        break;
    default:
        half = bfloat_from(single);
        if (!isfinite(bfloat_to(half)) && isfinite(number)) {
            return false;
        }
        break;
    }
    memcpy(to, &half, sizeof(half));
    return true;
}

/* --- whole numbers --- */

static bool is_signed(enum weft_datatype datatype)
{
    return datatype == WEFT_INT8 || datatype == WEFT_INT16 || datatype == WEFT_INT32 ||
           datatype == WEFT_INT64;
}

static bool is_float(enum weft_datatype datatype)
{
    return datatype == WEFT_FP16 || datatype == WEFT_FP32 || datatype == WEFT_FP64 ||
           datatype == WEFT_BF16;
}

/* Elements are little-endian, as the protocol's raw form is. */
static void put_whole(uint64_t bits, size_t size_bytes, void *to)
{
    for (size_t i = 0; i < size_bytes; i++) {
        ((uint8_t *)to)[i] = (uint8_t)(bits >> (8 * i));
    }
}

static uint64_t get_whole(const void *from, size_t size_bytes)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < size_bytes; i++) {
        bits |= (uint64_t)((const uint8_t *)from)[i] << (8 * i);
    }
    return bits;
}

static bool parse_whole(enum weft_datatype datatype, const char *text, void *to)
{
    size_t size_bytes = weft_datatype_size_bytes(datatype);
    unsigned bits = (unsigned)size_bytes * 8;
    char *end = NULL;
    errno = 0;
    if (is_signed(datatype)) {
        long long number = strtoll(text, &end, 10);
        long long limit = (long long)(UINT64_MAX >> (65 - bits));
        put_whole((uint64_t)number, size_bytes, to);
        return errno == 0 && *end == '\0' && number <= limit && number >= -limit - 1;
    }
    unsigned long long number = strtoull(text, &end, 10);
    put_whole(number, size_bytes, to);
    return errno == 0 && *end == '\0' && *text != '-' && number <= UINT64_MAX >> (64 - bits);
}

static bool parse_bool(const char *text, void *to)
{
    bool yes = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
    *(uint8_t *)to = yes;
    return yes || strcmp(text, "false") == 0 || strcmp(text, "0") == 0;
}

bool weft_number_parse(enum weft_datatype datatype, const char *text, void *to)
{
    if (*text == '\0' || isspace((unsigned char)*text)) {
        return false;
    }
    if (datatype == WEFT_BOOL) {
        return parse_bool(text, to);
    }
    if (!is_float(datatype)) {
        return parse_whole(datatype, text, to);
    }
    char *end = NULL;
    errno = 0;
    double number = strtod(text, &end);
    return *end == '\0' && (errno == 0 || fabs(number) < 1) && put_float(datatype, number, to);
}

void weft_number_from_fraction(enum weft_datatype datatype, double fraction, void *to)
{
    if (is_float(datatype)) {
        (void)put_float(datatype, fraction, to);
    } else {
        /* Below 2 for BOOL, below 100 for the rest: an index or a count that most models take. */
        put_whole((uint64_t)(fraction * (datatype == WEFT_BOOL ? 2 : 100)),
                  weft_datatype_size_bytes(datatype), to);
    }
}

/* --- as text --- */

static void format_float(enum weft_datatype datatype, const void *element, struct weft_text *text)
{
    char digits[WEFT_NUMBER_TEXT_MAX];
    uint16_t half = (uint16_t)get_whole(element, 2);
    float single = 0;
    double number = 0;
    if (datatype == WEFT_FP64) {
        memcpy(&number, element, sizeof(number));
    } else if (datatype == WEFT_FP32) {
        memcpy(&single, element, sizeof(single));
        number = single;
    } else {
        number = datatype == WEFT_FP16 ? half_to(half) : bfloat_to(half);
    }
    /* As many digits as it takes to say this element and no other. */
    for (int precision = datatype == WEFT_FP64 ? 15 : 6; precision <= 17; precision++) {
        uint8_t back[8];
        snprintf(digits, sizeof(digits), "%.*g", precision, number);
        if (!isfinite(number) || (put_float(datatype, strtod(digits, NULL), back) &&
                                  memcmp(back, element, weft_datatype_size_bytes(datatype)) == 0)) {
            break;
        }
    }
    weft_text_append_string(text, digits);
}

void weft_number_format(enum weft_datatype datatype, const void *element, struct weft_text *text)
{
    size_t size_bytes = weft_datatype_size_bytes(datatype);
    uint64_t bits = get_whole(element, size_bytes);
    if (is_float(datatype)) {
        format_float(datatype, element, text);
    } else if (datatype == WEFT_BOOL) {
        weft_text_append_string(text, bits != 0 ? "true" : "false");
    } else if (is_signed(datatype)) {
        unsigned unused = 64 - (unsigned)size_bytes * 8;
        weft_text_printf(text, "%" PRId64, (int64_t)(bits << unused) >> unused);
    } else {
        weft_text_printf(text, "%" PRIu64, bits);
    }
}
