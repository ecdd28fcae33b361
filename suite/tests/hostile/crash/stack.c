/* Calls itself until the stack is used up. */
#include "../shim.h"

static int recurse(int depth) {
    volatile char frame[4096];
    frame[0] = (char)depth;
    return recurse(depth + 1) + frame[0];
}

static int misbehave(SSL *ssl, const void *bytes, int length) {
    return recurse(1);
}
