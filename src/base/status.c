/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <weft/status.h>

struct status_row {
    const char *name;
    const char *words;
    int grpc;
    int http;
};

static const struct status_row status_rows[] = {
#define STATUS_ROW(name, number, grpc, http, words) [(number)] = {#name, (words), (grpc), (http)},
    WEFT_STATUS_TABLE(STATUS_ROW)
#undef STATUS_ROW
};

static const struct status_row *row(enum weft_status status)
{
    size_t index = (size_t)status;
    if (index >= sizeof(status_rows) / sizeof(status_rows[0])) {
        index = WEFT_UNKNOWN;
    }
    return &status_rows[index];
}

const char *weft_status_name(enum weft_status status)
{
    return row(status)->name;
}

const char *weft_status_words(enum weft_status status)
{
    return row(status)->words;
}

int weft_status_grpc(enum weft_status status)
{
    return row(status)->grpc;
}

int weft_status_http(enum weft_status status)
{
    return row(status)->http;
}

enum weft_status weft_status_from_grpc(int number)
{
    return number >= 0 && number <= (int)WEFT_UNAUTHENTICATED ? (enum weft_status)number
                                                              : WEFT_UNKNOWN;
}

enum weft_status weft_status_from_http(int number)
{
    switch (number) {
    case 200:
        return WEFT_OK;
    case 400:
        return WEFT_INTERNAL;
    case 401:
        return WEFT_UNAUTHENTICATED;
    case 403:
        return WEFT_PERMISSION_DENIED;
    case 404:
        return WEFT_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return WEFT_UNAVAILABLE;
    default:
        return WEFT_UNKNOWN;
    }
}
