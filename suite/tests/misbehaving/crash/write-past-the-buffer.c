/* Writes past the end of what it was given. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    ((volatile char *)bytes)[length] = 0;
    return honest(ssl, bytes, length);
}
