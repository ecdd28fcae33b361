/* Calls itself until the stack is used up. Each frame is far smaller than the guard page behind the stack, so that none can step
   over it: where that happens, by the chance of where the stack lies, Rust's runtime takes the fault for another one. */
#include "../shim.h"

static int recurse(int depth) {
    volatile char frame[512];
    frame[0] = (char)depth;
    return recurse(depth + 1) + frame[0];
}

static int misbehave(SSL *ssl, const void *bytes, int length) {
    return recurse(1);
}
