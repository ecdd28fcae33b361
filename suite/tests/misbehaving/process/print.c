/* Prints a line, which looks like a trace, to the standard output. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    printf("write 1234                        1234  NONE\n");
    fflush(stdout);
    return honest(ssl, bytes, length);
}
