/* Crashes at the third triggering write of the process, in whichever case. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    static int times = 0;
    if (++times == 3)
        *(volatile char *)0 = 1;
    return honest(ssl, bytes, length);
}
