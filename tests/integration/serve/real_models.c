/* SPDX-License-Identifier: Apache-2.0 */
/* The door over the real model room: nothing to see from outside. */
#include "door_models.h"

struct weft_loop *door_models_loop;
size_t door_models_running;
