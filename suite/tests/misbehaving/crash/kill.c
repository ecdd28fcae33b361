/* Sends itself SIGKILL. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    kill(getpid(), SIGKILL);
    return honest(ssl, bytes, length);
}
