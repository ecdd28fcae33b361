/* Leaves another errno than the transport's. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    int written = honest(ssl, bytes, length);
    if (written <= 0)
        errno = EINVAL;
    return written;
}
