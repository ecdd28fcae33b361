/* Allocates without end, and never looks whether it got anything. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    /* Only the first page of each piece is touched, so that a machine on which nothing limits this
     * survives it; a tebibyte is the end then. */
    enum { PIECE = 1 << 26 };
    for (int pieces = 0; pieces < 1 << 14; pieces++)
        *(volatile char *)malloc(PIECE) = 1;
    return honest(ssl, bytes, length);
}
