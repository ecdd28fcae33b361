/* Closes standard output, and nothing else. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    close(STDOUT_FILENO);
    return honest(ssl, bytes, length);
}
