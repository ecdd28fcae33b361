/* Writes to address 0. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    *(volatile char *)0 = 1;
    return honest(ssl, bytes, length);
}
