/* Reads past the end of the caller's buffer. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    volatile char sum = 0;
    for (int at = 0; at <= length; at++)
        sum += ((const volatile char *)bytes)[at];
    return honest(ssl, bytes, length);
}
