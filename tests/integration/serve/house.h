/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_INTEGRATION_SERVE_HOUSE_H
#define TESTS_INTEGRATION_SERVE_HOUSE_H

/*
 * A town with one node behind its door: engine and doors over the fake models of fake_models.c. For
 * stories that need the caller and the node in one process.
 */

#include "../link/town.h"
#include "door_models.h"
#include "serve/serve.h"

struct house {
    struct town town;
    struct weft_repository *repository;
    struct weft_executor *executor;
    struct weft_executor *doors_executor;
    struct weft_metrics *metrics;
    struct weft_run *run;
    struct weft_serve *serve;
    bool closed;
};

/* models: names, "echo,slow", or "" for all. */
void house_build(struct house *house, const char *models);
void house_raze(struct house *house);

#endif
