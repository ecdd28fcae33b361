/* Runs forever with all signals blocked: only SIGKILL can end it. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    for (volatile int forever = 1; forever;)
        ;
    return honest(ssl, bytes, length);
}
