/* Leaves all signals blocked. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    return honest(ssl, bytes, length);
}
