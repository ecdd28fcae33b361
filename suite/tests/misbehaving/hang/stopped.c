/* Stops itself. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    raise(SIGSTOP);
    return honest(ssl, bytes, length);
}
