/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_BASE_LIST_H
#define WEFT_BASE_LIST_H

/*
 * A doubly linked list whose links live in its elements: adding and removing allocate nothing and
 * take constant time. One thread at a time.
 */

#include <stdbool.h>
#include <stddef.h>

struct weft_list {
    struct weft_list *next;
    struct weft_list *previous;
};

#define weft_list_entry(link, type, member)                                                        \
    ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void weft_list_init(struct weft_list *list)
{
    list->next = list;
    list->previous = list;
}

static inline bool weft_list_is_empty(const struct weft_list *list)
{
    return list->next == list;
}

static inline void weft_list_append(struct weft_list *list, struct weft_list *link)
{
    link->next = list;
    link->previous = list->previous;
    list->previous->next = link;
    list->previous = link;
}

/* Leaves the link empty, so removing twice is harmless. */
static inline void weft_list_remove(struct weft_list *link)
{
    link->previous->next = link->next;
    link->next->previous = link->previous;
    weft_list_init(link);
}

/* Moves all of from to the end of list, leaving from empty. */
static inline void weft_list_splice(struct weft_list *list, struct weft_list *from)
{
    if (!weft_list_is_empty(from)) {
        from->next->previous = list->previous;
        list->previous->next = from->next;
        from->previous->next = list;
        list->previous = from->previous;
        weft_list_init(from);
    }
}

/* NULL if empty. */
static inline struct weft_list *weft_list_first(const struct weft_list *list)
{
    return weft_list_is_empty(list) ? NULL : list->next;
}

#endif
