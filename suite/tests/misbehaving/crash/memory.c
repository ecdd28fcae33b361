/* Allocates without end, and never checks for failure. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    /*
     * Only the first page of each piece is touched, so that a machine without a memory limit
     * survives it; it ends at a tebibyte.
     */
    enum { PIECE = 1 << 26 };
    for (int pieces = 0; pieces < 1 << 14; pieces++)
        *(volatile char *)malloc(PIECE) = 1;
    return honest(ssl, bytes, length);
}
