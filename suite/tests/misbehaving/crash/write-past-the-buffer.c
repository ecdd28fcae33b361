/* Writes past the end of the caller's buffer. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    ((volatile char *)bytes)[length] = 0;
    return honest(ssl, bytes, length);
}
