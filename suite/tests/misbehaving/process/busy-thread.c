/* Leaves a thread that runs forever. */
#include "../shim.h"

static void *spin(void *unused) {
    for (volatile int forever = 1; forever;)
        ;
    return unused;
}

static int misbehave(SSL *ssl, const void *bytes, int length) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, spin, NULL) == 0)
        pthread_detach(thread);
    return honest(ssl, bytes, length);
}
