/* Ignores SIGSEGV in a handler, so that the same instruction faults again and again. */
#include "../shim.h"

static void swallow(int signal) { (void)signal; }

static int misbehave(SSL *ssl, const void *bytes, int length) {
    struct sigaction action = {.sa_handler = swallow};
    sigaction(SIGSEGV, &action, NULL);
    *(volatile char *)0 = 1;
    return honest(ssl, bytes, length);
}
