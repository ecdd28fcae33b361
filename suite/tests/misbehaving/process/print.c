/* Prints a line that looks like a trace to standard output. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    printf("write 1234                        1234  NONE\n");
    fflush(stdout);
    return honest(ssl, bytes, length);
}
