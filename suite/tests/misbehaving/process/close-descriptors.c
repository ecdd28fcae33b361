/* Closes every descriptor. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    for (int descriptor = 0; descriptor < 1024; descriptor++)
        close(descriptor);
    return honest(ssl, bytes, length);
}
