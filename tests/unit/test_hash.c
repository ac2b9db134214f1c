#include "unit.h"

#include "podop/hash.h"

/* vectors_sip64 of https://github.com/veorq/SipHash, vectors.h, read as little-endian numbers: for
 * each length the hash of the bytes 00 01 02 ... under the key 00 01 ... 0f. */
static const uint64_t vectors[64] = {
    0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d,
    0xcf2794e0277187b7, 0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137,
    0x93f5f5799a932462, 0x9e0082df0ba9e4b0, 0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7,
    0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee, 0xa129ca6149be45e5,
    0x3f2acc7f57c29bdb, 0x699ae9f52cbe4794, 0x4bc1b3f0968dd39c, 0xbb6dc91da77961bd,
    0xbed65cf21aa2ee98, 0xd0f2cbb02e3b67c7, 0x93536795e3a33e88, 0xa80c038ccd5ccec8,
    0xb8ad50c6f649af94, 0xbce192de8a85b8ea, 0x17d835b85bbb15f3, 0x2f2e6163076bcfad,
    0xde4daaaca71dc9a5, 0xa6a2506687956571, 0xad87a3535c49ef28, 0x32d892fad841c342,
    0x7127512f72f27cce, 0xa7f32346f95978e3, 0x12e0b01abb051238, 0x15e034d40fa197ae,
    0x314dffbe0815a3b4, 0x027990f029623981, 0xcadcd4e59ef40c4d, 0x9abfd8766a33735c,
    0x0e3ea96b5304a7d0, 0xad0c42d6fc585992, 0x187306c89bc215a9, 0xd4a60abcf3792b95,
    0xf935451de4f21df2, 0xa9538f0419755787, 0xdb9acddff56ca510, 0xd06c98cd5c0975eb,
    0xe612a3cb9ecba951, 0xc766e62cfcadaf96, 0xee64435a9752fe72, 0xa192d576b245165a,
    0x0a8787bf8ecb74b2, 0x81b3e73d20b49b6f, 0x7fa8220ba3b2ecea, 0x245731c13ca42499,
    0xb78dbfaf3a8d83bd, 0xea1ad565322a1a0b, 0x60e61c23a3795013, 0x6606d7e446282b93,
    0x6ca4ecb15c5f91e1, 0x9f626da15c9625f3, 0xe51b38608ef25f57, 0x958a324ceb064572,
};
static const struct hash_key vector_key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

static void test_hash_official_vectors(void **state)
{
    char bytes[ARRAY_LEN(vectors)];

    (void)state;
    for (size_t len = 0; len < ARRAY_LEN(vectors); len++) {
        assert_true(hash_span(&vector_key, (struct span){bytes, len}) == vectors[len]);
        bytes[len] = (char)len;
    }
}

static void test_hash_reads_nothing_else(void **state)
{
    (void)state;
    assert_true(hash_span(&vector_key, (struct span){NULL, 0}) == vectors[0]);
    for (size_t len = 1; len < ARRAY_LEN(vectors); len++) {
        char *heap = xmalloc(len + 1); /* not aligned, and ends where the sanitizer looks */

        for (size_t i = 0; i < len; i++)
            heap[i + 1] = (char)i;
        assert_true(hash_span(&vector_key, (struct span){heap + 1, len}) == vectors[len]);
        free(heap);
    }
}

static void test_hash_bytes_above_7f(void **state)
{
    char bytes[16];

    (void)state;
    memset(bytes, 0xff, sizeof(bytes));
    /* the authors' siphash.c gave these two */
    assert_true(hash_span(&vector_key, (struct span){bytes, 15}) == UINT64_C(0xc222e7ece2309af1));
    assert_true(hash_span(&vector_key, (struct span){bytes, 16}) == UINT64_C(0xa06ef3ea6d6b622e));
}

static void test_hash_depends_on_each_bit_of_the_key(void **state)
{
    const uint64_t hash = hash_span(&vector_key, SPAN("a@b.example"));

    (void)state;
    for (int bit = 0; bit < 64; bit++) {
        struct hash_key low = vector_key, high = vector_key;

        low.low ^= UINT64_C(1) << bit;
        high.high ^= UINT64_C(1) << bit;
        assert_true(hash_span(&low, SPAN("a@b.example")) != hash);
        assert_true(hash_span(&high, SPAN("a@b.example")) != hash);
    }
}

static void test_hash_random_keys_differ(void **state)
{
    struct hash_key a = {0}, b = {0};

    (void)state;
    hash_key_init_random(&a);
    hash_key_init_random(&b);
    assert_true(a.low != 0 && a.high != 0 && a.low != a.high); /* 2^-62 to fail by chance */
    assert_true(a.low != b.low && a.high != b.high);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash_official_vectors),
        cmocka_unit_test(test_hash_reads_nothing_else),
        cmocka_unit_test(test_hash_bytes_above_7f),
        cmocka_unit_test(test_hash_depends_on_each_bit_of_the_key),
        cmocka_unit_test(test_hash_random_keys_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
