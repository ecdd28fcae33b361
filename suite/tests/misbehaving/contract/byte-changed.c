/* Changes a byte of what its caller gave it to read, and writes that. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    *(char *)bytes ^= 1;
    return honest(ssl, bytes, length);
}
