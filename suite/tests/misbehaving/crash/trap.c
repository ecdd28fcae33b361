/* Runs an instruction that is none, as some assertions do. */
#include "../shim.h"

static int misbehave(SSL *ssl, const void *bytes, int length) {
    __builtin_trap();
}
