/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEFT_CLI_SAMPLES_H
#define WEFT_CLI_SAMPLES_H

/*
 * Inputs that are random but valid, for a bench of a model that one knows only by its metadata. The
 * same seed gives the same inputs. One thread.
 */

#include "base/message.h"
#include "base/random.h"
#include "base/value.h"

enum {
    /* What one made-up input may have. [RESOURCE_EXHAUSTED] */
    WEFT_SAMPLE_MAX_BYTES = 256 * 1024 * 1024,
    /* Characters of each element of a made-up BYTES input. */
    WEFT_SAMPLE_TEXT_BYTES = 16,
};

/* A value for a tensor; an open dimension becomes 1. */
enum weft_status weft_sample_new(const struct weft_model_tensor *tensor, struct weft_random *random,
                                 struct weft_value **ret_value,
                                 struct weft_error **error) WEFT_MUST_CHECK;
/* "NAME=1x3x224x224": says a tensor's shape, which must fit what info says. */
enum weft_status weft_sample_set_shape(const char *argument, struct weft_model_info *info,
                                       struct weft_error **error) WEFT_MUST_CHECK;

#endif
