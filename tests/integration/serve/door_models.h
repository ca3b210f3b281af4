/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_INTEGRATION_SERVE_FAKE_MODELS_H
#define TESTS_INTEGRATION_SERVE_FAKE_MODELS_H

/* What a story sees and sets of the models in fake_models.c; the loop's thread. */

#include <stddef.h>

struct weft_loop;

/* Where the models run; set before any is used. */
extern struct weft_loop *fake_models_loop;
/* Inferences under way. */
extern size_t fake_models_running;

#endif
