/* Calls itself until the stack is used up. */
#include "../shim.h"

/*
 * Each frame is far smaller than the guard page after the stack, so that none can step over it.
 * Otherwise, depending on where the stack lies, Rust's runtime reports another fault.
 */
static int recurse(int depth) {
    volatile char frame[512];
    frame[0] = (char)depth;
    return recurse(depth + 1) + frame[0];
}

static int misbehave(SSL *ssl, const void *bytes, int length) {
    return recurse(1);
}
