/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_INTEGRATION_SERVE_DOOR_MODELS_H
#define TESTS_INTEGRATION_SERVE_DOOR_MODELS_H

/* What door.c sees and sets of its models, fake (fake_models.c) or real (real_models.c); the loop's
 * thread. */

#include <stddef.h>

struct weft_loop;

/* Where the models run; set before any is used. */
extern struct weft_loop *door_models_loop;
/* Inferences under way; of fake ones only. */
extern size_t door_models_running;

#endif
