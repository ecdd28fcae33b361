/* Crashes at the third such write of the process, whichever case that is in. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    static int times = 0;
    if (++times == 3)
        *(volatile char *)0 = 1;
    return honest(ssl, bytes, length);
}
