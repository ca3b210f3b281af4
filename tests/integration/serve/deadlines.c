/* SPDX-License-Identifier: Apache-2.0 */
#include "base/parameters.h"
#include "house.h"
#include "wire/oip_grpc.h"

/*
 * A call has two ends that its client may set: gRPC's deadline, and the request parameter
 * `timeout`. The nearer one counts, whichever it is: at that the engine ends the request, and says
 * which step was late. The caller is patient, and hears what the node says.
 */

enum { SOON_MS = 100, LATE_MS = 3600 * 1000 };

/* For "slow", which never ends by itself. timeout_ms 0 = without the parameter. */
static struct weft_slice slow_request(int64_t timeout_ms)
{
    static const struct weft_shape one = {.rank = 1, .dims = {1}};
    struct weft_oip_request request = {.model = (char *)(uintptr_t) "slow"};
    struct weft_parameter timeout = {
        .name = "timeout", .kind = WEFT_PARAMETER_INT64, .int64 = timeout_ms * 1000};
    cleanup_value struct weft_value *value = NULL;
    cleanup_slices struct weft_slices slices = {0};
    struct weft_slice message = {0};
    request.parameters = (struct weft_parameters){&timeout, timeout_ms > 0 ? 1 : 0};
    assert_ok(weft_value_new(WEFT_UINT8, &one, "x", 1, &value, NULL), NULL);
    assert_ok(weft_values_add(&request.inputs, "in", value, NULL), NULL);
    assert_ok(weft_oip_grpc_request_encode(&request, &slices, NULL), NULL);
    assert_true(weft_slices_join(&slices, &message));
    weft_values_fini(&request.inputs);
    return message;
}

/* The node itself ended it, in time, as it says which step it was. */
static void assert_late(struct house *house, uint64_t deadline_ms, int64_t timeout_ms)
{
    struct weft_client_call_options options = {
        .path = "/inference.GRPCInferenceService/ModelInfer",
        .deadline_ns = deadline_ms > 0 ? weft_loop_now_ns() + deadline_ms * WEFT_NS_PER_MS : 0,
        .patience_ns = LATE_MS * WEFT_NS_PER_MS,
        .wait_for_ready = true,
    };
    struct asked asked;
    ask(&house->town, &asked, &options, slow_request(timeout_ms));
    town_run_until(&house->town, &asked.done);
    assert_status(weft_error_status(asked.error), WEFT_DEADLINE_EXCEEDED);
    assert_non_null(weft_error_place(asked.error).step);
    asked_fini(&asked);
}

static void test_of_deadline_and_timeout_the_nearer_one_counts(void **state)
{
    (void)state;
    struct house house = {0};
    house_build(&house, "slow");
    assert_late(&house, SOON_MS, 0);
    assert_late(&house, 0, SOON_MS);
    assert_late(&house, SOON_MS, LATE_MS);
    assert_late(&house, LATE_MS, SOON_MS);
    house_raze(&house);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_of_deadline_and_timeout_the_nearer_one_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
