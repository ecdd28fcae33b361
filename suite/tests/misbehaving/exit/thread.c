/* Ends the thread that called it. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    pthread_exit(NULL);
}
