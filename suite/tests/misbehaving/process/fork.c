/* Forks if it can, and returns in both processes. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    fork();
    return honest(ssl, bytes, length);
}
