/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/spin.h"

#include "support/story.h"

#define MS UINT64_C(1000000)
#define US UINT64_C(1000)

static void test_without_traffic_there_is_no_spin(void **state)
{
    (void)state;
    struct weft_spin spin;
    weft_spin_init(&spin, 50 * US);
    assert_int_equal(weft_spin_budget_ns(&spin, 1000 * MS), 0);
}

/* A loop that has been through its first trial, in vain. */
static struct weft_spin after_a_trial(uint64_t now)
{
    struct weft_spin spin;
    weft_spin_init(&spin, 50 * US);
    weft_spin_traffic(&spin, now);
    while (weft_spin_budget_ns(&spin, now) == 50 * US) {
        weft_spin_ended(&spin, false, now);
    }
    return spin;
}

static void test_the_budget_grows_where_spins_pay_and_shrinks_where_not(void **state)
{
    (void)state;
    struct weft_spin spin = after_a_trial(1000 * MS);
    uint64_t first = weft_spin_budget_ns(&spin, 1000 * MS);
    assert_true(first > 0 && first < 50 * US);
    for (int i = 0; i < 10; i++) {
        weft_spin_ended(&spin, true, 1000 * MS);
    }
    assert_int_equal(weft_spin_budget_ns(&spin, 1000 * MS), 50 * US);
    weft_spin_ended(&spin, false, 1000 * MS);
    assert_int_equal(weft_spin_budget_ns(&spin, 1000 * MS), 50 * US); /* one miss is nothing */
    weft_spin_ended(&spin, false, 1000 * MS);
    weft_spin_ended(&spin, false, 1000 * MS);
    assert_true(weft_spin_budget_ns(&spin, 1000 * MS) < 50 * US);
}

static void test_a_trial_that_pays_opens_the_whole_budget(void **state)
{
    (void)state;
    struct weft_spin spin;
    weft_spin_init(&spin, 50 * US);
    weft_spin_traffic(&spin, 1000 * MS);
    weft_spin_ended(&spin, false, 1000 * MS);
    assert_int_equal(weft_spin_budget_ns(&spin, 1000 * MS), 50 * US);
    weft_spin_ended(&spin, true, 1000 * MS);
    assert_int_equal(spin.trial_left, 0);
    assert_int_equal(weft_spin_budget_ns(&spin, 1000 * MS), 50 * US);
}

/* What trials cost where they never pay: full spins in one second of traffic. */
static void test_trials_in_vain_come_ever_more_rarely(void **state)
{
    (void)state;
    struct weft_spin spin;
    weft_spin_init(&spin, 50 * US);
    unsigned full = 0, late = 0;
    for (uint64_t now = 1000 * MS; now < 2000 * MS; now += 200 * US) {
        weft_spin_traffic(&spin, now);
        bool whole = weft_spin_budget_ns(&spin, now) == 50 * US;
        full += whole;
        late += whole && now >= 1500 * MS;
        weft_spin_ended(&spin, false, now);
    }
    assert_in_range(full, 8, 14 * 8); /* seven doublings, then one in 128 ms */
    assert_in_range(late, 8, 5 * 8);
}

static void test_a_millisecond_of_silence_ends_it(void **state)
{
    (void)state;
    struct weft_spin spin;
    weft_spin_init(&spin, 50 * US);
    weft_spin_traffic(&spin, 1000 * MS);
    assert_true(weft_spin_budget_ns(&spin, 1000 * MS + 999 * US) > 0);
    assert_int_equal(weft_spin_budget_ns(&spin, 1001 * MS), 0);
}

static void test_while_an_executor_wants_the_core_there_is_no_spin(void **state)
{
    (void)state;
    struct weft_spin spin;
    weft_spin_init(&spin, 50 * US);
    weft_spin_traffic(&spin, 1000 * MS);
    weft_spin_demand(&spin, 1);
    assert_int_equal(weft_spin_budget_ns(&spin, 1000 * MS), 0);
    weft_spin_demand(&spin, -1);
    assert_true(weft_spin_budget_ns(&spin, 1000 * MS) > 0);
}

static void test_slow_yields_make_pauses_that_double_and_are_forgotten(void **state)
{
    (void)state;
    struct weft_spin spin;
    uint64_t now = 1000 * MS;
    weft_spin_init(&spin, 50 * US);
    weft_spin_traffic(&spin, now);
    assert_false(weft_spin_yielded(&spin, 500 * US, now));
    uint64_t first = spin.paused_till_ns - now;
    assert_int_equal(weft_spin_budget_ns(&spin, now), 0);
    now = spin.paused_till_ns;
    assert_false(weft_spin_yielded(&spin, 500 * US, now));
    uint64_t second = spin.paused_till_ns - now;
    assert_int_equal(second, 2 * first);
    now = spin.paused_till_ns + second + 1;
    assert_true(weft_spin_yielded(&spin, 1 * US, now));
    assert_false(weft_spin_yielded(&spin, 500 * US, now));
    assert_int_equal(spin.paused_till_ns - now, first);
}

static void test_off_means_never(void **state)
{
    (void)state;
    struct weft_spin spin;
    weft_spin_init(&spin, 0);
    weft_spin_traffic(&spin, 1000 * MS);
    weft_spin_ended(&spin, true, 1000 * MS);
    assert_int_equal(weft_spin_budget_ns(&spin, 1000 * MS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_traffic_there_is_no_spin),
        cmocka_unit_test(test_the_budget_grows_where_spins_pay_and_shrinks_where_not),
        cmocka_unit_test(test_a_trial_that_pays_opens_the_whole_budget),
        cmocka_unit_test(test_trials_in_vain_come_ever_more_rarely),
        cmocka_unit_test(test_a_millisecond_of_silence_ends_it),
        cmocka_unit_test(test_while_an_executor_wants_the_core_there_is_no_spin),
        cmocka_unit_test(test_slow_yields_make_pauses_that_double_and_are_forgotten),
        cmocka_unit_test(test_off_means_never),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
