/* Returns twice, in two processes, if it can. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    fork();
    return honest(ssl, bytes, length);
}
