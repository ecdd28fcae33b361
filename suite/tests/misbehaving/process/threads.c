/* Starts threads, and joins them. */
#include "../shim.h"

static void *idle(void *unused) { return unused; }

static int misbehave(SSL *ssl, const void *bytes, int length) {
    pthread_t threads[8];
    for (int at = 0; at < 8; at++)
        if (pthread_create(&threads[at], NULL, idle, NULL) != 0)
            abort();
    for (int at = 0; at < 8; at++)
        pthread_join(threads[at], NULL);
    return honest(ssl, bytes, length);
}
