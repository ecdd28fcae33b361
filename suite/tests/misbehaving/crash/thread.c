/* Starts a thread that crashes. */
#include "../shim.h"

static void *crash(void *unused) {
    *(volatile char *)0 = 1;
    return unused;
}

static int misbehave(SSL *ssl, const void *bytes, int length) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, crash, NULL) == 0)
        pthread_join(thread, NULL);
    return honest(ssl, bytes, length);
}
