/* Changes a byte of the caller's buffer, and writes that. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    *(char *)bytes ^= 1;
    return honest(ssl, bytes, length);
}
