/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/slices.h"

#include <string.h>

struct weft_slice *weft_slices_items(struct weft_slices *slices)
{
    return slices->items != NULL ? slices->items : slices->few;
}

static bool grow(struct weft_slices *slices)
{
    size_t capacity = slices->items != NULL ? slices->capacity * 2 : WEFT_SLICES_INLINE * 4;
    struct weft_slice *items = realloc(slices->items, capacity * sizeof(*items));
    if (items == NULL) {
        return false;
    }
    if (slices->items == NULL) {
        memcpy(items, slices->few, sizeof(slices->few));
    }
    slices->items = items;
    slices->capacity = capacity;
    return true;
}

bool weft_slices_add(struct weft_slices *slices, struct weft_slice *take_slice)
{
    if (take_slice->size_bytes == 0) {
        weft_slice_fini(take_slice);
        return true;
    }
    size_t capacity = slices->items != NULL ? slices->capacity : WEFT_SLICES_INLINE;
    if (slices->count == capacity && !grow(slices)) {
        return false;
    }
    weft_slices_items(slices)[slices->count++] = *take_slice;
    *take_slice = (struct weft_slice){0};
    return true;
}

void weft_slices_forget(struct weft_slices *slices)
{
    free(slices->items);
    *slices = (struct weft_slices){0};
}

void weft_slices_fini(struct weft_slices *slices)
{
    struct weft_slice *items = weft_slices_items(slices);
    for (size_t i = 0; i < slices->count; i++) {
        weft_slice_fini(&items[i]);
    }
    weft_slices_forget(slices);
}

static const struct weft_slice *items_of(const struct weft_slices *slices)
{
    return slices->items != NULL ? slices->items : slices->few;
}

size_t weft_slices_size_bytes(const struct weft_slices *slices)
{
    size_t size_bytes = 0;
    for (size_t i = 0; i < slices->count; i++) {
        size_bytes += items_of(slices)[i].size_bytes;
    }
    return size_bytes;
}

bool weft_slices_join(struct weft_slices *slices, struct weft_slice *ret_slice)
{
    if (slices->count == 1) {
        *ret_slice = weft_slice_ref(weft_slices_items(slices));
        return true;
    }
    struct weft_buffer *buffer = weft_buffer_new(weft_slices_size_bytes(slices));
    if (buffer == NULL) {
        return false;
    }
    size_t offset = 0;
    for (size_t i = 0; i < slices->count; i++) {
        const struct weft_slice *item = &items_of(slices)[i];
        weft_copy(buffer->data + offset, item->data, item->size_bytes);
        offset += item->size_bytes;
    }
    *ret_slice = weft_slice_take(buffer);
    return true;
}
