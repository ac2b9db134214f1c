/* replay.c - runs a fuzzer on each file of the command line, in a buffer of exactly its size. */
#include "fuzz.h"

static int replay(const char *path)
{
    FILE *file = fopen(path, "rb");
    size_t size = 0;
    uint8_t *bytes = NULL, *exact;

    if (file == NULL) {
        perror(path);
        return -1;
    }
    for (;;) {
        size_t n;

        bytes = realloc(bytes, size + 4096);
        if (bytes == NULL)
            abort();
        n = fread(bytes + size, 1, 4096, file);
        if (n == 0)
            break;
        size += n;
    }
    fclose(file);
    exact = malloc(size == 0 ? 1 : size);
    if (exact == NULL)
        abort();
    for (size_t i = 0; i < size; i++)
        exact[i] = bytes[i];
    free(bytes);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s FILE...\n", argv[0]);
        return 64;
    }
    for (int i = 1; i < argc; i++) {
        if (replay(argv[i]) == -1)
            return 1;
    }
    printf("%d inputs\n", argc - 1);
    return 0;
}
