/* Runs forever. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    for (volatile int forever = 1; forever;)
        ;
    return honest(ssl, bytes, length);
}
