/* Leaves the process in another working directory. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    (void)!chdir("/proc");
    return honest(ssl, bytes, length);
}
