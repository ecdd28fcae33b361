/* Writes to every open descriptor. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    for (int descriptor = 0; descriptor < 1024; descriptor++)
        (void)!write(descriptor, "{\"steps\":[]}\n", 13);
    return honest(ssl, bytes, length);
}
