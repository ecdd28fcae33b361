/* Stops its process some time after the write. */
#include "../shim.h"

static volatile int written;

static void *stop(void *unused) {
    (void)unused;
    for (;;) {
        usleep(1000);
        if (written) {
            usleep(20 * 1000);
            kill(getpid(), SIGSTOP);
        }
    }
}

__attribute__((constructor)) static void start(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, stop, NULL);
}

static int misbehave(SSL *ssl, const void *bytes, int length) {
    written = 1;
    return honest(ssl, bytes, length);
}
