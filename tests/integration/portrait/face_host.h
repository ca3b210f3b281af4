/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_INTEGRATION_PORTRAIT_FACE_HOST_H
#define TESTS_INTEGRATION_PORTRAIT_FACE_HOST_H

/*
 * The plugin "face" in the tests' host (support/plugin_host.h), with its answer as a struct.
 * One thread.
 */

#include <stddef.h>
#include <stdint.h>
#include <weft/status.h>

struct face_host;

/* The files of this build. state_directory may be NULL. Loads the model; the status is the load's.
 */
struct face_host *face_host_open(const char *plugin, const char *model_directory,
                                 const char *state_directory, enum weft_status *ret_status);
void face_host_close(struct face_host *host);
uint64_t face_host_generation(const struct face_host *host);

struct face_answer {
    enum weft_status status;
    char reason[512];
    char id[257];
    char known_as[257];
    float score;
    int32_t box[4];
    int32_t count;
    float embedding[128];
    uint8_t matte[384 * 512];
    uint8_t crop[384 * 512 * 3];
};

/* One request; enroll NULL = none. */
void face_host_ask(struct face_host *host, const void *photo, size_t size_bytes, const char *enroll,
                   struct face_answer *ret_answer);

#endif
