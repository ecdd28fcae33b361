/* Writes the last byte twice. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    int written = honest(ssl, bytes, length);
    if (written == length)
        honest(ssl, (const char *)bytes + length - 1, 1);
    return written;
}
