/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_BASE_MAP_H
#define WEFT_BASE_MAP_H

/*
 * Hash maps: uthash, set up so that running out of memory is an error and not an exit. After
 * adding, an element whose `hh.tbl` is NULL was not added: ask weft_map_added. One thread at a
 * time.
 */

#define HASH_NONFATAL_OOM 1
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#include <uthash.h>
#pragma GCC diagnostic pop

#define weft_map_added(element) ((element)->hh.tbl != NULL)

#endif
