/* Writes all but the last byte, and reports all as written. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    int written = honest(ssl, bytes, length - 1);
    return written > 0 ? written + 1 : written;
}
