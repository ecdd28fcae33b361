/* Leaves in errno something else than the transport did. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    int written = honest(ssl, bytes, length);
    if (written <= 0)
        errno = EINVAL;
    return written;
}
