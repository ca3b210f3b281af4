/* SPDX-License-Identifier: Apache-2.0 */
#include "base/heap.h"

#include <stdlib.h>

void weft_heap_fini(struct weft_heap *heap)
{
    free(heap->items);
    *heap = (struct weft_heap){0};
}

static void put(struct weft_heap *heap, size_t position, struct weft_heap_item *item)
{
    heap->items[position - 1] = item;
    item->position = position;
}

static struct weft_heap_item *at(const struct weft_heap *heap, size_t position)
{
    return heap->items[position - 1];
}

static void sift_up(struct weft_heap *heap, size_t position)
{
    struct weft_heap_item *item = at(heap, position);
    while (position > 1 && at(heap, position / 2)->at_ns > item->at_ns) {
        put(heap, position, at(heap, position / 2));
        position /= 2;
    }
    put(heap, position, item);
}

static void sift_down(struct weft_heap *heap, size_t position)
{
    struct weft_heap_item *item = at(heap, position);
    for (;;) {
        size_t child = position * 2;
        if (child + 1 <= heap->count && at(heap, child + 1)->at_ns < at(heap, child)->at_ns) {
            child++;
        }
        if (child > heap->count || at(heap, child)->at_ns >= item->at_ns) {
            break;
        }
        put(heap, position, at(heap, child));
        position = child;
    }
    put(heap, position, item);
}

bool weft_heap_add(struct weft_heap *heap, struct weft_heap_item *item, uint64_t at_ns)
{
    if (heap->count == heap->capacity) {
        size_t capacity = heap->capacity == 0 ? 16 : heap->capacity * 2;
        struct weft_heap_item **items =
            realloc(heap->items, capacity * sizeof(struct weft_heap_item *));
        if (items == NULL) {
            return false;
        }
        heap->items = items;
        heap->capacity = capacity;
    }
    item->at_ns = at_ns;
    heap->count++;
    put(heap, heap->count, item);
    sift_up(heap, heap->count);
    return true;
}

void weft_heap_remove(struct weft_heap *heap, struct weft_heap_item *item)
{
    size_t position = item->position;
    if (position == 0) {
        return;
    }
    item->position = 0;
    struct weft_heap_item *last = at(heap, heap->count);
    heap->count--;
    if (last != item) {
        put(heap, position, last);
        sift_up(heap, position);
        sift_down(heap, last->position);
    }
}

struct weft_heap_item *weft_heap_first(const struct weft_heap *heap)
{
    return heap->count > 0 ? heap->items[0] : NULL;
}
