/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include "support/story.h"

static void a_buffer_that_comes_back_is_used_again(void **state)
{
    (void)state;
    struct weft_pool *pool = weft_pool_new(64u << 20);
    struct weft_buffer *first = weft_pool_buffer(pool, 12u << 20);
    const uint8_t *memory = first->data;
    weft_buffer_unref(first);
    struct weft_buffer *second = weft_pool_buffer(pool, (12u << 20) - 5);
    assert_ptr_equal(second->data, memory);
    assert_int_equal(second->size_bytes, (12u << 20) - 5);
    weft_buffer_unref(second);
    weft_pool_unref(pool);
}

static void idle_memory_is_bounded(void **state)
{
    (void)state;
    struct weft_pool *pool = weft_pool_new(1u << 20);
    struct weft_buffer *buffers[8];
    for (int i = 0; i < 8; i++) {
        buffers[i] = weft_pool_buffer(pool, 512u << 10);
    }
    for (int i = 0; i < 8; i++) {
        weft_buffer_unref(buffers[i]);
    }
    assert_true(weft_pool_idle_bytes(pool) <= 1u << 20);
    weft_pool_trim(pool);
    assert_int_equal(weft_pool_idle_bytes(pool), 0);
    weft_pool_unref(pool);
}

static void a_buffer_may_outlive_its_pool(void **state)
{
    (void)state;
    struct weft_pool *pool = weft_pool_new(1u << 20);
    struct weft_buffer *buffer = weft_pool_buffer(pool, 128u << 10);
    weft_pool_unref(pool);
    buffer->data[0] = 1;
    weft_buffer_unref(buffer);
}

static void an_impossible_size_is_out_of_memory(void **state)
{
    (void)state;
    struct weft_pool *pool = weft_pool_new(1u << 20);
    assert_null(weft_pool_buffer(pool, SIZE_MAX - 10));
    weft_pool_unref(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_that_comes_back_is_used_again),
        cmocka_unit_test(idle_memory_is_bounded),
        cmocka_unit_test(a_buffer_may_outlive_its_pool),
        cmocka_unit_test(an_impossible_size_is_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
