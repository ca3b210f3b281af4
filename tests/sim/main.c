/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/cluster.h"

/*
 * weft-sim: runs seeds, or one seed with every event told, or with a planted bug. The last line
 * says how many seeds ran and how many found something wrong; the exit code is 1 where one did.
 */

enum { SEEDS_DEFAULT = 2000 };
/* In virtual time: requests and faults come in the first seconds, then everything must come to its
 * end. */
#define BUSY_NS (6 * WEFT_NS_PER_S)
#define END_NS (60 * WEFT_NS_PER_S)

/* A client without a deadline whose model hangs leaves in the end; so does whoever still waits for
 * what only a person would end. */
static void everybody_leaves(struct sim_cluster *cluster)
{
    for (unsigned i = 0; i < cluster->requests_count; i++) {
        struct sim_request *request = &cluster->requests[i];
        bool hangs = false;
        for (unsigned model = 0; model < cluster->models_count; model++) {
            hangs = hangs || cluster->models[model].hang_percent > 0;
        }
        if (hangs && request->open && !request->ended && request->request != NULL &&
            request->gateway->alive && request->gateway->generation == request->boot) {
            request->cancelled = true;
            weft_gateway_cancel(request->gateway->gateway, request->request);
            sim_node_after(request->gateway);
        }
    }
}

static bool run_seed(uint64_t seed, enum sim_bug bug, bool trace)
{
    static struct sim_world world;
    static struct sim_cluster cluster;
    sim_world_init(&world, seed, bug, trace);
    memset(&cluster, 0, sizeof(cluster));
    cluster.world = &world;
    sim_workload_make(&cluster);
    if (!world.found) {
        sim_cluster_start(&cluster);
        sim_workload_schedule(&cluster);
        sim_run_until(&world, BUSY_NS);
        cluster.calm = true;
        cluster.loss_percent = 0;
        cluster.double_percent = 0;
        cluster.memory_percent = 0;
        if (!world.found) {
            sim_run_until(&world, BUSY_NS + 10 * WEFT_NS_PER_S);
            everybody_leaves(&cluster);
            sim_run_until(&world, END_NS);
        }
        if (!world.found) {
            sim_check_end(&cluster);
        }
    }
    sim_cluster_stop(&cluster);
    sim_world_fini(&world);
    if (world.found) {
        printf("seed %" PRIu64 ": %s\n", seed, world.finding);
    }
    return world.found;
}

/* Until the bug is found: the number of seeds that took, 0 if none did. */
static uint64_t hunt(enum sim_bug bug, uint64_t seeds)
{
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        if (run_seed(seed, bug, false)) {
            return seed;
        }
    }
    return 0;
}

static int hunt_all(uint64_t seeds)
{
    int missed = 0;
    for (int bug = SIM_BUG_NONE + 1; bug < SIM_BUGS_COUNT; bug++) {
        uint64_t took = hunt((enum sim_bug)bug, seeds);
        if (took > 0) {
            printf("%s: found after %" PRIu64 " seeds\n", sim_bug_names[bug], took);
        } else {
            printf("%s: NOT FOUND in %" PRIu64 " seeds\n", sim_bug_names[bug], seeds);
            missed++;
        }
    }
    printf("%d planted bugs, %d not found\n", SIM_BUGS_COUNT - 1, missed);
    return missed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int usage(void)
{
    fprintf(stderr, "usage: weft-sim [--seeds N | --seed N | --hunt] [--bug NAME]\nbugs:");
    for (int bug = SIM_BUG_NONE + 1; bug < SIM_BUGS_COUNT; bug++) {
        fprintf(stderr, " %s", sim_bug_names[bug]);
    }
    fprintf(stderr, "\n");
    return 2;
}

static bool find_bug(const char *name, enum sim_bug *ret_bug)
{
    for (int bug = 0; bug < SIM_BUGS_COUNT; bug++) {
        if (strcmp(name, sim_bug_names[bug]) == 0) {
            *ret_bug = (enum sim_bug)bug;
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    uint64_t seeds = SEEDS_DEFAULT;
    uint64_t first = 1;
    bool one = false;
    bool all_bugs = false;
    enum sim_bug bug = SIM_BUG_NONE;
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--seeds") == 0 && more) {
            seeds = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--seed") == 0 && more) {
            first = strtoull(argv[++i], NULL, 10);
            one = true;
        } else if (strcmp(argv[i], "--bug") == 0 && more && find_bug(argv[i + 1], &bug)) {
            i++;
        } else if (strcmp(argv[i], "--hunt") == 0) {
            all_bugs = true;
        } else {
            return usage();
        }
    }
    if (all_bugs) {
        return hunt_all(seeds);
    }
    uint64_t findings = 0;
    uint64_t count = one ? 1 : seeds;
    for (uint64_t seed = first; seed < first + count; seed++) {
        findings += run_seed(seed, bug, one);
    }
    printf("%" PRIu64 " seeds, %" PRIu64 " findings\n", count, findings);
    return findings == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
