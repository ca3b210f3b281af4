/* SPDX-License-Identifier: Apache-2.0 */
#include "sched/ended_requests.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "support/story.h"

enum { GATEWAYS = 3, REQUESTS = 50000 };

static struct weft_ended_requests *nothing_has_ended(void)
{
    struct weft_ended_requests *ended = calloc(1, sizeof(*ended));
    assert_non_null(ended);
    return ended;
}

static void nothing_is_known_at_first(void **state)
{
    (void)state;
    struct weft_ended_requests *ended = nothing_has_ended();
    assert_false(weft_ended_requests_has(ended, (struct weft_request_id){0, 0}));
    assert_false(weft_ended_requests_has(ended, (struct weft_request_id){7, 1}));
    free(ended);
}

static void a_request_of_another_gateway_is_another(void **state)
{
    (void)state;
    struct weft_ended_requests *ended = nothing_has_ended();
    weft_ended_requests_add(ended, (struct weft_request_id){7, 1});
    assert_true(weft_ended_requests_has(ended, (struct weft_request_id){7, 1}));
    assert_false(weft_ended_requests_has(ended, (struct weft_request_id){8, 1}));
    assert_false(weft_ended_requests_has(ended, (struct weft_request_id){1, 7}));
    free(ended);
}

static void a_request_that_ends_twice_takes_one_place(void **state)
{
    (void)state;
    struct weft_ended_requests *ended = nothing_has_ended();
    weft_ended_requests_add(ended, (struct weft_request_id){7, 1});
    weft_ended_requests_add(ended, (struct weft_request_id){7, 1});
    assert_int_equal(ended->count, 1);
    free(ended);
}

/* Held against the plain list of what was added: the last ones are known, the others are not. */
static void the_last_ones_are_known_and_nothing_else(void **state)
{
    (void)state;
    struct weft_ended_requests *ended = nothing_has_ended();
    static struct weft_request_id added[REQUESTS];
    uint64_t sequences[GATEWAYS] = {0};
    struct weft_random random = {.state = 20261124};
    for (size_t i = 0; i < REQUESTS; i++) {
        size_t gateway = (size_t)weft_random_below(&random, GATEWAYS);
        sequences[gateway] += 1 + weft_random_below(&random, 3);
        added[i] = (struct weft_request_id){1000 + gateway, sequences[gateway]};
        weft_ended_requests_add(ended, added[i]);
        if (i % 997 != 0 && i + 1 != REQUESTS) {
            continue;
        }
        for (size_t j = 0; j <= i; j++) {
            bool recent = j + WEFT_ENDED_REQUESTS_MAX > i;
            assert_int_equal(weft_ended_requests_has(ended, added[j]), recent);
        }
        assert_false(weft_ended_requests_has(
            ended, (struct weft_request_id){1000 + gateway, sequences[gateway] + 1}));
    }
    size_t taken = 0;
    for (size_t i = 0; i < WEFT_ENDED_REQUESTS_BUCKETS; i++) {
        taken += ended->buckets[i] != 0;
    }
    assert_int_equal(taken, WEFT_ENDED_REQUESTS_MAX); /* none was left behind */
    free(ended);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_at_first),
        cmocka_unit_test(a_request_of_another_gateway_is_another),
        cmocka_unit_test(a_request_that_ends_twice_takes_one_place),
        cmocka_unit_test(the_last_ones_are_known_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
